// A laundry that has never heard of Python: what a company's own API needs to become a provider. Usage: node laundry.mjs PORT
import { createServer } from "node:http";
import { readFileSync } from "node:fs";

const PER_KILO = 1200000, FEE = 500000, currency = "IDR";   // minor units: 12,000 and 5,000 rupiah
const orders = new Map(), cancelled = new Set(), answers = new Map();
const money = (amount_minor) => ({ amount_minor, currency });
const manifest = readFileSync(new URL("./laundry.yaml", import.meta.url));

function quote({ goal }) {
  const kilos = goal?.parameters?.kilos;
  if (!Number.isInteger(kilos) || kilos < 1) return [422, { code: "invalid", message: "how many kilos?" }];
  if (kilos > 30) return [409, { code: "sold_out", message: "the machines are full" }];
  const expires_at = new Date(Date.now() + 30 * 60000).toISOString();
  return [200, { offers: [{ offer_id: `wash-${kilos}`, title: `${kilos} kg washed and folded`, price: money(kilos * PER_KILO),
    expires_at, undo: { fee: money(FEE) }, details: { ready_in_hours: 24 } }] }];
}

function book({ reference, input, amount }) {
  const kilos = Number(/^wash-(\d+)$/.exec(input?.offer_id ?? "")?.[1]);
  if (!reference || !kilos) return [422, { code: "invalid", message: "no such offer" }];
  if (cancelled.has(reference)) return [409, { code: "cancelled", message: "this order was cancelled before it came" }];
  if (amount?.amount_minor !== kilos * PER_KILO) return [409, { code: "price_changed", message: "that is not the price" }];
  if (!orders.has(reference)) orders.set(reference, { status: "booked", number: `L-${orders.size + 1}`, paid: amount });
  return inquire(reference);
}

function inquire(reference) {
  const order = orders.get(reference);
  if (!order) return [404, { code: "not_found" }];
  const facts = { reference: order.number, amount: order.paid, evidence: { order: order.number, status: order.status } };
  return [200, { outcome: order.status === "booked" ? "done" : "undone", ...facts }];
}

function cancel({ reference }) {
  if (!reference) return [422, { code: "invalid", message: "which order?" }];
  cancelled.add(reference);
  const order = orders.get(reference);
  if (!order) return [200, { outcome: "undone" }];
  order.status = "cancelled";
  return [200, { outcome: "undone", fee: money(FEE), refund: money(order.paid.amount_minor - FEE), reference: order.number }];
}

const routes = { "POST /quotes": quote, "POST /orders": book, "POST /cancellations": cancel,
  "POST /fees": ({ reference }) => (orders.has(reference) ? [200, { fee: money(FEE) }] : [404, { code: "not_found" }]) };

createServer(async (request, response) => {
  const send = (status, body) => response.writeHead(status, { "content-type": "application/json" }).end(body);
  let text = "";
  for await (const part of request) text += part;
  if (request.url === "/tuntas.yaml") return send(200, manifest);
  const [, reference] = /^\/orders\/(.+)$/.exec(request.url) ?? [];
  const tell = ([status, body]) => send(status, JSON.stringify(body));
  if (reference && request.method === "GET") return tell(inquire(decodeURIComponent(reference)));
  const route = routes[`${request.method} ${request.url}`], key = `${request.headers["idempotency-key"]} ${request.url}`;
  let answer = answers.get(key) ?? [404, { code: "not_found" }];
  try { if (route && !answers.has(key)) answer = route(JSON.parse(text)); } catch { answer = [400, { code: "invalid_json" }]; }
  if (request.headers["idempotency-key"] && route && answer[0] < 300) answers.set(key, answer);
  tell(answer);
}).listen(Number(process.argv[2] ?? 0), "127.0.0.1", function () { console.log(JSON.stringify({ listening: `http://127.0.0.1:${this.address().port}` })); });
