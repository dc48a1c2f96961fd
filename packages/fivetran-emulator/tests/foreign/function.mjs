// A function on Node.js's own http module: prints its port, answers three pages, then that there is no more.
import { createServer } from "node:http";

const server = createServer(async (request, response) => {
  let text = "";
  for await (const piece of request) text += piece;
  const { state, secrets } = JSON.parse(text);
  const page = state.page ?? 0;
  const answer = {
    state: { page: page + 1, note: "größer" },
    insert: { people: [0, 1].map((n) => ({ personId: page * 2 + n, name: secrets.name, born: new Date(0), half: 0.5 })) },
    delete: page === 2 ? { people: [{ personId: 0 }] } : {},
    schema: { people: { primary_key: ["personId"] } },
    hasMore: page < 2,
  };
  response.writeHead(200, { "Content-Type": "application/json; charset=utf-8" });
  // In pieces and without a Content-Length, as Node.js sends what is streamed.
  for (const piece of JSON.stringify(answer).match(/.{1,40}/gsu)) response.write(piece);
  response.end();
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
