// Keeps what it is told, and gives it away when it is asked. It also says whether the namespace is to hang.

const calls = [];
let hangs = false;

export default {
  async fetch(request) {
    if (request.method === 'PUT') hangs = await request.json();
    if (request.method === 'POST') calls.push(await request.json());
    return Response.json(request.method === 'GET' ? calls.splice(0) : hangs);
  },
};
