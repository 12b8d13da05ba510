// Keeps what it is told, and gives it away when it is asked.

const calls = [];

export default {
  async fetch(request) {
    if (request.method === 'POST') calls.push(await request.json());
    return Response.json(request.method === 'POST' ? null : calls.splice(0));
  },
};
