/** Outputs that will not be sent: a body that is a stream holds an open blob and data keys until somebody ends it. */

/** Ends the stream in `output`, where there is one. Never throws: what kept it from being sent is the error to tell. */
export async function releaseUnsent(output: unknown): Promise<void> {
  const body = (output as { readonly Body?: unknown } | null | undefined)?.Body;
  if (typeof body !== "object" || body === null || !(Symbol.asyncIterator in body)) return;
  await Promise.allSettled([(body as AsyncIterable<unknown>)[Symbol.asyncIterator]().return?.()]);
}
