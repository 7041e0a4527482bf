/** Group commit: who shares a transaction, and that everyone is answered whatever happens to it. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { CommitQueue, type Transact } from "../../src/stores/commit-queue.js";
import type { Batch, CommitResult } from "../../src/stores/contract.js";

const batch = (name: string): Batch => ({ puts: [{ key: Buffer.from(name), bytes: Buffer.from(name) }] });
const namesOf = (batches: readonly Batch[]): string[] => batches.map(({ puts }) => String(puts?.[0]?.key));
const applied = (batches: readonly Batch[]): CommitResult[] => batches.map((_, i) => ({ ok: true, stamp: i + 1 }));

/** Transactions that begin when they are let. */
function gated(behave: (take: () => readonly Batch[]) => readonly CommitResult[]) {
  const begin: (() => void)[] = [];
  const transact: Transact = async (take) => {
    await new Promise<void>((resolve) => begin.push(resolve));
    return behave(take);
  };
  return { queue: new CommitQueue(transact), begin };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it("what comes before a transaction has begun belongs to it, what comes later to the next", async () => {
  const groups: string[][] = [];
  const { queue, begin } = gated((take) => {
    groups.push(namesOf(take()));
    assert.deepEqual(namesOf(take()), groups.at(-1), "the same however often it is asked");
    return applied(take());
  });
  const first = queue.commit(batch("a"));
  await turn();
  const second = queue.commit(batch("b"));
  await turn();
  begin[0]?.();
  assert.deepEqual(await Promise.all([first, second]), [{ ok: true, stamp: 1 }, { ok: true, stamp: 2 }]);
  const third = queue.commit(batch("c"));
  await turn();
  begin[1]?.();
  await third;
  await queue.idle();
  assert.deepEqual(groups, [["a", "b"], ["c"]]);
});

it("a transaction that fails, before it has begun or after, rejects who waited for it and nobody else", async () => {
  for (const takes of [false, true]) {
    let fails = true;
    const { queue, begin } = gated((take) => {
      if (takes) take();
      if (fails) throw new Error("engine");
      return applied(take());
    });
    const lost = [queue.commit(batch("a")), queue.commit(batch("b"))];
    const settled = Promise.allSettled(lost);
    await turn();
    begin[0]?.();
    assert.deepEqual((await settled).map(({ status }) => status), ["rejected", "rejected"]);
    fails = false;
    const kept = queue.commit(batch("c"));
    await turn();
    begin[1]?.();
    assert.deepEqual(await kept, { ok: true, stamp: 1 });
  }
});
