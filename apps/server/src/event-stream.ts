/** Events as server-sent events, for readers of any speed. */
import type { Client } from '@lovage/client'
import type { WorkerEvent } from '@lovage/core'

/** How many events wait for a slow reader before further ones are dropped and counted. */
const roomFor = 1000

/** What a stream of events needs. */
export interface EventStreamOptions {
  readonly client: Pick<Client, 'capture'>
  /** Globs on event types. */
  readonly patterns: readonly string[]
  /** A comment is sent this often, so that proxies keep the connection and dead ones are noticed. */
  readonly heartbeatMs: number
  /** Ends the stream. */
  readonly until: AbortSignal
}

/**
 * Begins to capture; resolves when no event from now on is missed. Each event is one message with the event as JSON. A
 * reader that falls behind loses events, never order; a message `dropped` with `{ "count": n }` then stands in their place.
 */
export async function eventStream({
  client,
  patterns,
  heartbeatMs,
  until,
}: EventStreamOptions): Promise<ReadableStream<Uint8Array>> {
  const encoder = new TextEncoder()
  let dropped = 0
  let stop = (): void => {}
  let reader: ReadableStreamDefaultController<Uint8Array> | undefined
  const write = (text: string): void => reader?.enqueue(encoder.encode(text))
  const tellDropped = (): void => {
    if (dropped === 0) return
    write(`event: dropped\ndata: {"count":${dropped}}\n\n`)
    dropped = 0
  }
  const deliver = (event: WorkerEvent): void => {
    if (reader === undefined || (reader.desiredSize ?? 0) <= 0) {
      dropped++
      return
    }
    tellDropped()
    write(`data: ${JSON.stringify(event)}\n\n`)
  }
  const end = await client.capture(patterns, deliver)
  const heartbeat = setInterval(() => {
    if ((reader?.desiredSize ?? 0) > 0) write(': alive\n\n')
  }, heartbeatMs)
  heartbeat.unref()
  stop = () => {
    stop = () => {}
    clearInterval(heartbeat)
    reader = undefined
    void end().catch(() => {})
  }
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        reader = controller
        write(': listening\n\n')
        const close = (): void => {
          if (reader === undefined) return
          stop()
          controller.close()
        }
        if (until.aborted) close()
        until.addEventListener('abort', close, { once: true })
      },
      pull: tellDropped,
      cancel: () => stop(),
    },
    new CountQueuingStrategy({ highWaterMark: roomFor }),
  )
}
