// An HTTP/2 server on stdin and stdout that answers each request with the fields it understood, as fields.
// Arguments: the SETTINGS_HEADER_TABLE_SIZE it announces.
import http2 from 'node:http2';
import { Duplex } from 'node:stream';

const server = http2.createServer({ settings: { headerTableSize: Number(process.argv[2]) } });
server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    const answer = { ':status': 200, 'x-pseudo': `${headers[':method']} ${headers[':authority']}` };
    for (const name of Object.keys(headers))
        if (!name.startsWith(':'))
            answer[`echo-${name}`] = headers[name];
    stream.respond(answer, { endStream: true });
});
server.emit('connection', Duplex.from({ readable: process.stdin, writable: process.stdout }));
