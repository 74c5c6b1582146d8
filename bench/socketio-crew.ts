/** Workers over socket.io in a process of their own: forked, counted, and ended by whoever measures. */
import { fork } from 'node:child_process'
import { once } from 'node:events'

/** `sdk`: by `@lovage/broker-socketio/workers`; `echo`: bare socket.io-client that acknowledges; `idle`: bare, registered, and no more; `bare`: connected, and no more. */
export type CrewKind = 'sdk' | 'echo' | 'idle' | 'bare'

export interface Crew {
  stop(): Promise<void>
}

/** What a task carries: about 150 bytes, as its results do not. */
export const payload = { n: 1, text: 'x'.repeat(120) }

/** Resolves when all of them are connected, and registered where there is a registration. */
export async function hire(kind: CrewKind, url: string, count: number, capacity: number): Promise<Crew> {
  const words = [kind, url, String(count), String(capacity)]
  const child = fork(new URL('./socketio-workers.ts', import.meta.url), words, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  await once(child, 'message')
  return {
    async stop() {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}
