'use strict';
// A certificate authority of Istio's protocol with nothing in common with ours: Node's HTTP/2, protobuf by hand, and openssl signs.
// node authority.js DIRECTORY: server.pem, server.key, ca.pem, ca.key and roots.pem are read anew for each connection or call, and
// `behaviour` says what to answer. Writes its port, then one line of JSON for each call.
const http2 = require('node:http2');
const fs = require('node:fs');
const path = require('node:path');
const { execFileSync } = require('node:child_process');

const directory = process.argv[2];
const file = (name) => path.join(directory, name);
const read = (name) => fs.readFileSync(file(name), 'utf8');

function varint(bytes, at) {
  let value = 0n;
  for (let shift = 0n; ; shift += 7n) {
    const b = bytes[at++];
    value |= BigInt(b & 0x7f) << shift;
    if (b < 0x80) return [value, at];
  }
}

function fields(bytes) {
  const found = {};
  for (let at = 0; at < bytes.length;) {
    let key, value;
    [key, at] = varint(bytes, at);
    if ((key & 7n) === 0n) {
      [value, at] = varint(bytes, at);
    } else {
      let length;
      [length, at] = varint(bytes, at);
      value = bytes.subarray(at, at + Number(length));
      at += Number(length);
    }
    found[Number(key >> 3n)] = value;
  }
  return found;
}

function lengthDelimited(field, bytes) {
  const head = [(field << 3) | 2];
  let length = bytes.length;
  while (length > 127) {
    head.push((length & 127) | 128);
    length >>>= 7;
  }
  return Buffer.concat([Buffer.from([...head, length]), bytes]);
}

function frame(message, flag = 0) {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

// Struct.fields is a map: entries of a key and a Value, of which 3 is the string.
function impersonated(metadata) {
  if (!metadata) return null;
  const entry = fields(fields(metadata)[1]);
  return entry[1].toString() === 'ImpersonatedIdentity' ? fields(entry[2])[3].toString() : null;
}

function sign(csr) {
  fs.writeFileSync(file('request.pem'), csr);
  return execFileSync('openssl', ['x509', '-req', '-in', file('request.pem'), '-CA', file('ca.pem'), '-CAkey', file('ca.key'),
    '-days', '1', '-copy_extensions', 'copy'], { stdio: ['ignore', 'pipe', 'pipe'] }).toString();
}

function answer(stream, strings, flag) {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  const body = frame(Buffer.concat(strings.map((text) => lengthDelimited(1, Buffer.from(text)))), flag);
  // In pieces, since nobody says that a message comes in one DATA frame.
  stream.write(body.subarray(0, 3));
  stream.end(body.subarray(3));
}

function serve(stream, headers, body) {
  const request = fields(body.subarray(5));
  console.log(JSON.stringify({
    path: headers[':path'],
    authorization: headers.authorization,
    cluster: headers.clusterid,
    timeout: headers['grpc-timeout'],
    te: headers.te,
    type: headers['content-type'],
    validity: Number(request[3] ?? 0n),
    impersonated: impersonated(request[4]),
  }));
  const [what, ...rest] = read('behaviour').trim().split(' ');
  const chain = fs.existsSync(file('chain.pem')) ? [read('chain.pem')] : [];
  switch (what) {
    case 'sign':
      return answer(stream, [sign(request[1].toString()), ...chain, read('roots.pem')]);
    case 'fixed':
      return answer(stream, [read('fixed.pem'), read('roots.pem')]);
    case 'garbage':
      return answer(stream, ['no certificate']);
    case 'empty':
      return answer(stream, []);
    case 'compressed':
      return answer(stream, [sign(request[1].toString())], 1);
    case 'trailers-only':
      return stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': rest[0], 'grpc-message': rest.slice(1).join(' ') }, { endStream: true });
    case 'trailers':
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': rest[0], 'grpc-message': rest.slice(1).join(' ') }));
      return stream.end();
    case 'echo-token':
      return stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '16', 'grpc-message': `who is ${headers.authorization}` }, { endStream: true });
    case 'http':
      return stream.respond({ ':status': Number(rest[0]), 'content-type': 'text/plain' }, { endStream: true });
    case 'no-status':
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      return stream.end(frame(lengthDelimited(1, Buffer.from('x'))));
    case 'huge': {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(64 * 1024 * 1024, 1);
      return stream.end(prefix);
    }
    case 'cut':
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      return stream.end(frame(Buffer.alloc(100)).subarray(0, 50));
    case 'html':
      stream.respond({ ':status': 200, 'content-type': 'text/html' });
      return stream.end('<html>');
    case 'reset':
      return stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    case 'silence':
      return undefined;
    default:
      throw new Error(what);
  }
}

const server = http2.createSecureServer({ SNICallback: (name, done) => done(null, context()) , cert: read('server.pem'), key: read('server.key') });
function context() {
  return require('node:tls').createSecureContext({ cert: read('server.pem'), key: read('server.key') });
}
server.on('stream', (stream, headers) => {
  const body = [];
  stream.on('error', () => {});
  stream.on('data', (chunk) => body.push(chunk));
  stream.on('end', () => serve(stream, headers, Buffer.concat(body)));
});
server.on('sessionError', () => {});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
