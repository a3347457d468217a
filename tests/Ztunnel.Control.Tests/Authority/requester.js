'use strict';
// Asks for a certificate as Istio's clients do, with nothing in common with ours: Node's HTTP/2, protobuf by hand, openssl's request.
// node requester.js '{"port":1,"root":"PEM","token":"...","identity":"spiffe://...","impersonate":true,...}'. Prints one object of JSON.
const http2 = require('node:http2');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync } = require('node:child_process');

const ask = JSON.parse(process.argv[2]);
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'requester-'));

function field(number, bytes) {
  const head = [(number << 3) | 2];
  let length = bytes.length;
  for (; length > 127; length >>>= 7) head.push((length & 127) | 128);
  return Buffer.concat([Buffer.from([...head, length]), bytes]);
}

function varintField(number, value) {
  const bytes = [number << 3];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value & 127) | 128);
  return Buffer.from([...bytes, value]);
}

function csr() {
  const key = path.join(directory, 'key.pem');
  const kind = ask.rsa ? ['-newkey', 'rsa:2048'] : ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  return execFileSync('openssl', ['req', '-new', ...kind, '-nodes', '-keyout', key, '-subj', ask.subject ?? '/', '-addext', `subjectAltName=URI:${ask.asks ?? ask.identity}`],
    { stdio: ['ignore', 'pipe', 'pipe'] });
}

function message() {
  const parts = [field(1, ask.csr === undefined ? csr() : Buffer.from(ask.csr))];
  if (ask.validity) parts.push(varintField(3, ask.validity));
  if (ask.impersonate)
    parts.push(field(4, field(1, Buffer.concat([field(1, Buffer.from('ImpersonatedIdentity')), field(2, field(3, Buffer.from(ask.identity)))]))));
  if (ask.padding) parts.push(field(15, Buffer.alloc(ask.padding)));
  return Buffer.concat(parts);
}

function frame(body) {
  const prefix = Buffer.alloc(5);
  prefix[0] = ask.compressed ? 1 : 0;
  prefix.writeUInt32BE(body.length, 1);
  const whole = Buffer.concat([prefix, body]);
  return ask.twice ? Buffer.concat([whole, whole]) : ask.cut ? whole.subarray(0, -ask.cut) : whole;
}

function strings(bytes) {
  const found = [];
  for (let at = 0; at < bytes.length;) {
    at++;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const b = bytes[at++];
      length |= (b & 127) << shift;
      if (b < 128) break;
    }
    found.push(bytes.subarray(at, at += length).toString());
  }
  return found;
}

const session = http2.connect(`https://${ask.server ?? 'ztunnel-controller.istio-system.svc'}:${ask.port}`, {
  ca: ask.root,
  createConnection: (url, options) => require('node:tls').connect({ ...options, host: '127.0.0.1', port: ask.port, servername: ask.server ?? 'ztunnel-controller.istio-system.svc', ALPNProtocols: ['h2'] }),
});
const result = { headers: {}, trailers: {} };
function finish() {
  fs.rmSync(directory, { recursive: true });
  console.log(JSON.stringify(result));
  process.exit(0);
}
session.on('error', (error) => { result.error = error.code ?? error.message; finish(); });
const headers = {
  ':method': ask.method ?? 'POST',
  ':path': ask.path ?? '/istio.v1.auth.IstioCertificateService/CreateCertificate',
  'content-type': ask.type ?? 'application/grpc',
  te: 'trailers',
};
if (ask.token) headers.authorization = `Bearer ${ask.token}`;
if (ask.timeout) headers['grpc-timeout'] = ask.timeout;
if (ask.encoding) headers['grpc-encoding'] = ask.encoding;
const stream = session.request(headers);
const body = [];
stream.on('error', (error) => { result.streamError = error.code; });
stream.on('response', (h, flags) => { result.headers = h; result.onlyTrailers = (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0; });
stream.on('trailers', (h) => { result.trailers = h; });
stream.on('data', (chunk) => body.push(chunk));
stream.on('close', () => {
  // Why there was no answer is the session's to say.
  if (!result.headers[':status'] && !session.closed) return;
  const bytes = Buffer.concat(body);
  if (bytes.length > 5) result.chain = strings(bytes.subarray(5));
  result.status = result.trailers['grpc-status'] ?? result.headers['grpc-status'];
  result.message = decodeURIComponent(result.trailers['grpc-message'] ?? result.headers['grpc-message'] ?? '');
  finish();
});
stream.end(frame(message()));
