/**
 * Connections that the primary handed to a worker which died before it took them. Node's cluster keeps such a connection
 * open and forgets it: its client would wait for ever. Here it is closed when the worker ends, so that the client comes
 * again. Source: Node 20, lib/internal/cluster/round_robin_handle.js (`handoff` waits for the worker's answer alone).
 */
import type { Worker } from "node:cluster";

interface Closable {
  close(): void;
}

/** Messages of node:cluster between primary and worker; a `newconn` carries a connection, its answer says `ack`. */
interface ClusterMessage {
  readonly cmd?: string;
  readonly act?: string;
  readonly seq?: number;
  readonly ack?: number;
}

const isClosable = (handle: unknown): handle is Closable =>
  typeof handle === "object" && handle !== null && "close" in handle && typeof handle.close === "function";

/** Call right after the fork. */
export function closeUntaken(worker: Worker): void {
  const untaken = new Map<number, Closable>();
  const { process: child } = worker;
  const send = child.send.bind(child) as (...all: unknown[]) => boolean;
  child.send = (...all: unknown[]): boolean => {
    const [message, handle] = all as [ClusterMessage, unknown];
    if (message.act === "newconn" && message.seq !== undefined && isClosable(handle)) untaken.set(message.seq, handle);
    return send(...all);
  };
  child.on("internalMessage", ({ cmd, ack }: ClusterMessage) => {
    if (cmd === "NODE_CLUSTER" && ack !== undefined) untaken.delete(ack);
  });
  worker.once("exit", () => {
    for (const connection of untaken.values()) connection.close();
    untaken.clear();
  });
}
