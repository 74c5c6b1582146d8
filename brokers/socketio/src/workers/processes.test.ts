import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it } from 'vitest'
import { give, type ScriptedServer, scriptedServer } from '../fixtures/scripted-server.ts'
import { GatewayWorld, within } from '../gateway/fixtures/gateway-world.ts'

const room = resolve(import.meta.dirname, '../..')
const fixture = (name: string): string => join(room, 'src/fixtures', name)

interface Program {
  readonly child: ChildProcess
  /** The lines that it prints, in order. */
  line(): Promise<string | undefined>
  /** What it printed that nobody asked for, and its exit code, once it has ended. */
  end(): Promise<{ code: number | null; lines: string[]; errors: string }>
}

function run(args: readonly string[], env: Record<string, string> = {}): Program {
  const child = spawn(process.execPath, args, { cwd: room, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const closed = once(child, 'close')
  let errors = ''
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  const line = async () => (await lines.next()).value as string | undefined
  return {
    child,
    line,
    async end() {
      const rest: string[] = []
      for (let next = await line(); next !== undefined; next = await line()) rest.push(next)
      const [code] = await closed
      return { code, lines: rest, errors }
    },
  }
}

/** The quick start of the original at another server, with its import line changed and nothing else. */
function quickStart({ url }: { readonly url: string }): Program {
  const [, code = ''] = /```javascript\n([\s\S]*?)```/.exec(readFileSync(fixture('original-quick-start.md'), 'utf8')) ?? []
  const [before, after, ...more] = code.split("'#core/autoload.js'")
  if (after === undefined || more.length > 0) throw new Error('the quick start names its import once')
  const ours = `${before}'@lovage/broker-socketio/workers'${after}`
  return run(['--import', fixture('other-port.ts'), '--input-type=module', '--eval', ours], { PORT_3000: new URL(url).port })
}

/** Starts a program beside a server; what is left of either is ended. */
async function beside(test: (server: ScriptedServer, start: (graceMs: number) => Program) => Promise<void>): Promise<void> {
  const server = await scriptedServer()
  const programs: Program[] = []
  const start = (graceMs: number): Program => {
    const program = run([fixture('signalled-worker.ts'), server.url, String(graceMs)])
    programs.push(program)
    return program
  }
  try {
    await test(server, start)
  } finally {
    for (const { child } of programs) child.kill('SIGKILL')
    await server.close()
  }
}

describe.concurrent('a process of workers', () => {
  it('is what the quick start of the original says, with its import line changed', async ({ expect }) => {
    const server = await scriptedServer()
    const program = quickStart(server)
    const socket = await server.admit()
    expect(await program.line()).toBe('Connected to server')
    socket.emit('worker.task', { id: 't1', properties: { name: 'Ada' } })
    const { args: said } = await server.next('worker.task.done')
    expect(said).toEqual([{ id: 't1', success: true, results: 'Hello there Ada' }])
    socket.emit('worker.error', 'a word')
    expect(await program.line()).toBe('Error: a word')
    program.child.kill('SIGINT')
    expect(await program.end()).toEqual({ code: 0, lines: ['Disconnected: io client disconnect'], errors: '' })
    await server.close()
  })

  it('is what the quick start of the original says at a gateway of ours, too', async ({ expect }) => {
    const world = new GatewayWorld()
    const place = await world.place()
    const program = quickStart(place)
    expect(await program.line()).toBe('Connected to server')
    const message = { name: 'ask', queue: 'questioner', priority: 4 }
    await place.broker.tasks.send([{ ...message, id: 'a', input: { name: 'Ada' } }])
    const result = await within(place.broker.results.wait('a'), 'the result')
    expect(result).toMatchObject({ state: 'completed', result: 'Hello there Ada' })
    await place.gateway.pause('questioner', { duration: '1 minute', reason: 'for a test' })
    expect(await program.line()).toMatch(/^Error: paused until .*: for a test$/)
    program.child.kill('SIGINT')
    expect(await program.end()).toEqual({ code: 0, lines: ['Disconnected: io client disconnect'], errors: '' })
    await world.close()
  })

  it('ends with 0 on SIGTERM when what runs ended in time, after its middleware', ({ expect }) =>
    beside(async (server, start) => {
      const program = start(60_000)
      const { socket } = await server.welcome()
      await give(socket, { id: 't1' })
      expect(await program.line()).toBe('connected')
      program.child.kill('SIGTERM')
      const { args, answer } = await server.next('worker.task.done')
      expect(args).toMatchObject([{ id: 't1', results: 'ended' }])
      answer?.({ ok: true })
      const lines = ['disconnected: io client disconnect', 'first before', 'second', 'first after']
      expect(await program.end()).toEqual({ code: 0, lines, errors: '' })
    }))

  it.for([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends after %s with %i when the grace was not enough, and gives back what ran', ([signal, code], { expect }) =>
    beside(async (server, start) => {
      const program = start(1)
      const { socket } = await server.welcome()
      await give(socket, { id: 't1', properties: { stuck: true } })
      program.child.kill(signal)
      const { args, answer } = await server.next('worker.task.fail')
      expect(args).toMatchObject([{ id: 't1', retry: true, pause: false }])
      answer?.({ ok: true })
      expect(await program.end()).toMatchObject({ code })
    }),
  )

  it('ends with 1 at once on a second signal', ({ expect }) =>
    beside(async (server, start) => {
      const program = start(60_000)
      const { socket } = await server.welcome()
      await give(socket, { id: 't1', properties: { stuck: true } })
      program.child.kill('SIGINT')
      await server.next('worker.drain')
      program.child.kill('SIGTERM')
      expect(await program.end()).toEqual({ code: 1, lines: ['connected'], errors: '' })
    }))

  it('ends by itself when the server sent its only worker away', ({ expect }) =>
    beside(async (server, start) => {
      const program = start(60_000)
      const { socket } = await server.welcome()
      expect(await program.line()).toBe('connected')
      socket.disconnect()
      expect(await program.end()).toEqual({ code: 0, lines: ['disconnected: io server disconnect'], errors: '' })
    }))

  it('finds its server again when that was killed, and does not end meanwhile', ({ expect }) =>
    beside(async (server, start) => {
      const program = start(60_000)
      const { socket } = await server.welcome()
      expect(await program.line()).toBe('connected')
      socket.conn.close()
      expect(await program.line()).toBe('disconnected: transport close')
      await server.welcome()
      expect(await program.line()).toBe('connected')
    }))
})
