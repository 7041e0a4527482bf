/** The signal of a request is made late, and says the same as one that was there from the start. */
import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import { ReceivedRequest } from "../../src/server/received-request.js";

const CONNECTION = { sourceIp: "192.0.2.1", secure: false, tlsVersion: undefined, secureEnoughForSse: false, metricsAllowed: false };
const received = (): ReceivedRequest =>
  new ReceivedRequest({ method: "GET", url: "/", headers: {}, rawHeaders: [] } as unknown as IncomingMessage, CONNECTION, {
    overloaded: false,
    sendContinue: () => {},
    operational: () => assert.fail("not operational"),
  });

test("a signal asked for before the client goes is told", () => {
  const request = received();
  const { signal } = request;
  let told = 0;
  signal.addEventListener("abort", () => (told += 1));
  assert.equal(signal.aborted, false);
  request.abort();
  assert.equal(signal.aborted, true);
  assert.equal(told, 1);
});

test("a signal asked for after the client has gone is aborted already, and always the same one", () => {
  const request = received();
  assert.equal(request.gone, false);
  request.abort();
  assert.equal(request.gone, true);
  assert.equal(request.signal.aborted, true);
  assert.equal(request.signal, request.signal);
});
