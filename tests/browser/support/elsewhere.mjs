// Somebody else's site, on another host than ours: its page is what its address says.

import { once } from 'node:events';
import { createServer } from 'node:http';

export async function startElsewhere() {
  const server = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end(new URL(request.url, 'http://localhost').searchParams.get('html'));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    /** The address of a page. */
    page: (html) => `http://localhost:${server.address().port}/?html=${encodeURIComponent(html)}`,
    close: () => new Promise((done) => server.close(done)),
  };
}
