// An HTTP/2 CONNECT server on Node's http2, for interoperation tests. Usage:
// node node-server.js '{"tls":{"cert":"...","key":"...","ca":"..."}}'. Prints its port, then a line per event; ends with its stdin.
'use strict';
const http2 = require('http2');
const fs = require('fs');
const crypto = require('crypto');

const options = JSON.parse(process.argv[2]);
const settings = { maxConcurrentStreams: 150 };
const server = options.tls
  ? http2.createSecureServer({
      cert: fs.readFileSync(options.tls.cert),
      key: fs.readFileSync(options.tls.key),
      ca: fs.readFileSync(options.tls.ca),
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
      settings,
    })
  : http2.createServer({ settings });

server.on('sessionError', error => console.log('session error', error.message));
server.on('stream', (stream, headers) => {
  if (headers[':method'] !== 'CONNECT') {
    stream.respond({ ':status': 405 }, { endStream: true });
    return;
  }
  const [what, amount] = headers[':authority'].split(':');
  stream.on('error', error => console.log('stream error', error.message));
  stream.on('close', () => console.log('closed', what, stream.rstCode));
  switch (what) {
    case 'echo':
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
      break;
    case 'count': {
      stream.respond({ ':status': 200 });
      const hash = crypto.createHash('sha256');
      let length = 0;
      stream.on('data', chunk => { length += chunk.length; hash.update(chunk); });
      stream.on('end', () => stream.end(length + ' ' + hash.digest('hex')));
      break;
    }
    case 'source': {
      stream.respond({ ':status': 200 });
      stream.resume();
      let left = Number(amount);
      const block = Buffer.alloc(1 << 16, 9);
      const more = () => {
        while (left > 0) {
          const size = Math.min(left, block.length);
          left -= size;
          if (!stream.write(block.subarray(0, size))) {
            stream.once('drain', more);
            return;
          }
        }
        stream.end();
      };
      more();
      break;
    }
    case 'reset':
      stream.respond({ ':status': 200 });
      stream.close(http2.constants.NGHTTP2_CONNECT_ERROR);
      break;
    case 'refuse':
      stream.respond({ ':status': Number(amount) }, { endStream: true });
      break;
    case 'goaway':
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
      stream.session.goaway(http2.constants.NGHTTP2_NO_ERROR);
      break;
    default:
      stream.respond({ ':status': 404 }, { endStream: true });
      break;
  }
});

server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
