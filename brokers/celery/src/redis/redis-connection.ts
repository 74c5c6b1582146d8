/** One connection to Redis: what is asked goes out in one write, and is answered in its order. */
import { Buffer } from 'node:buffer'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { LinkSettings } from './redis-options.ts'
import { type Reply, RespError, RespReader } from './resp-reader.ts'

/** A command with its arguments. */
export type RedisCommand = readonly [name: string, ...args: RedisArgument[]]
export type RedisArgument = string | number | Buffer

/** One command on its way. */
export interface Question {
  readonly command: RedisCommand
  /** Answer bytes where Redis answers text. */
  readonly isRaw: boolean
  resolve(answer: unknown): void
  reject(error: Error): void
}

export interface ConnectionListener {
  /** What Redis tells unasked: `message`, `pmessage`, with bytes. Whoever has this asks for nothing else that is answered with texts. */
  told?(kind: string, parts: readonly Reply[]): void
  /** With what ended it; nothing is answered any more. Once. */
  closed(error: Error): void
}

/** How long a Redis that loads its data is left alone before it is asked again. */
const loadingMs = 500

export class RedisConnection {
  readonly #settings: LinkSettings
  readonly #listener: ConnectionListener
  readonly #waiting: Question[] = []
  /** The head of those that wait. */
  #first = 0
  /** Of the subscription at the head: channels that are not yet confirmed. */
  #unconfirmed = 0
  #socket: Socket | undefined
  #error: Error | undefined
  #isClosed = false

  constructor(settings: LinkSettings, listener: ConnectionListener) {
    this.#settings = settings
    this.#listener = listener
  }

  /** Connects, logs in, and waits until Redis has loaded its data. Rejects with what keeps it from that, after a time of silence, too. */
  async open(name: string): Promise<void> {
    const { connectMs, address } = this.#settings
    const timer = setTimeout(() => this.#socket?.destroy(new Error(`no word within ${connectMs} ms`)), connectMs)
    try {
      await this.#connect()
      const { username, password } = address
      if (password !== undefined) await this.#logIn(username === undefined ? [password] : [username, password])
      timer.refresh()
      for (let answer = await this.#ping(); answer !== 'PONG'; answer = await this.#ping()) {
        await new Promise((resolve) => setTimeout(resolve, loadingMs))
        timer.refresh()
      }
      await this.ask(['CLIENT', 'SETNAME', `${name}-${process.pid}`])
    } finally {
      clearTimeout(timer)
    }
  }

  ask(command: RedisCommand): Promise<unknown> {
    return new Promise((resolve, reject) => this.send([{ command, isRaw: false, resolve, reject }]))
  }

  /** All in one write. */
  send(questions: readonly Question[]): void {
    const socket = this.#socket
    if (socket === undefined || this.#isClosed) {
      for (const { reject } of questions) reject(new Error('the connection to Redis is closed'))
      return
    }
    for (const question of questions) this.#waiting.push(question)
    write(
      socket,
      questions.map(({ command }) => command),
    )
  }

  /** At once. */
  end(): void {
    this.#socket?.destroy()
  }

  #connect(): Promise<void> {
    const { host, port, path, tls } = this.#settings.address
    const place = path === undefined ? { host, port } : { path }
    const socket = tls === undefined ? connect(place) : connectTls({ ...place, ...tls })
    this.#socket = socket
    const reader = new RespReader(
      (reply) => this.#answered(reply),
      () => this.#listener.told !== undefined || this.#waiting[this.#first]?.isRaw === true,
    )
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 30_000)
    socket.on('data', (chunk) => {
      try {
        reader.write(chunk)
      } catch (error) {
        socket.destroy(error as Error)
      }
    })
    return new Promise((resolve, reject) => {
      // TLS may have two.
      socket.on('error', (error) => {
        this.#error ??= error
      })
      socket.once('close', () => {
        const error = this.#error ?? new Error('Redis closed the connection')
        reject(error)
        this.#close(error)
      })
      socket.once(tls === undefined ? 'connect' : 'secureConnect', () => resolve())
    })
  }

  /** A password for a Redis that wants none is no reason not to come in. */
  async #logIn(words: readonly string[]): Promise<void> {
    try {
      await this.ask(['AUTH', ...words])
    } catch (error) {
      if (!/without any password|no password is set/.test((error as Error).message)) throw error
    }
  }

  /** Undefined while it loads its data. */
  async #ping(): Promise<unknown> {
    try {
      return await this.ask(['PING'])
    } catch (error) {
      if ((error as Error).message.startsWith('LOADING')) return undefined
      throw error
    }
  }

  #close(error: Error): void {
    this.#isClosed = true
    for (const { reject } of this.#waiting.splice(0).slice(this.#first)) reject(error)
    this.#first = 0
    this.#listener.closed(error)
  }

  #answered(reply: Reply): void {
    if (this.#listener.told !== undefined && Array.isArray(reply)) {
      const kind = String(reply[0])
      if (kind === 'message' || kind === 'pmessage') {
        this.#listener.told(kind, reply.slice(1))
        return
      }
    }
    const question = this.#waiting[this.#first]
    if (question === undefined || !this.#isLast(question, reply)) return
    this.#first++
    if (this.#first === this.#waiting.length) {
      this.#waiting.length = 0
      this.#first = 0
    }
    if (reply instanceof RespError) question.reject(reply)
    else question.resolve(reply)
  }

  /** A subscription is answered once for each channel. */
  #isLast({ command }: Question, reply: Reply): boolean {
    if (!subscriptions.has(command[0]) || !Array.isArray(reply)) return true
    if (this.#unconfirmed === 0) this.#unconfirmed = command.length - 1
    this.#unconfirmed--
    return this.#unconfirmed === 0
  }
}

const subscriptions: ReadonlySet<string> = new Set(['SUBSCRIBE', 'PSUBSCRIBE', 'UNSUBSCRIBE', 'PUNSUBSCRIBE'])

/** One text where all is text, which is written as it is where it is ASCII. */
function write(socket: Socket, commands: readonly RedisCommand[]): void {
  let text = ''
  let bytes = 0
  socket.cork()
  for (const command of commands) {
    const head = `*${command.length}\r\n`
    text += head
    bytes += head.length
    for (const argument of command) {
      if (Buffer.isBuffer(argument)) {
        socket.write(`${text}$${argument.length}\r\n`)
        socket.write(argument)
        text = '\r\n'
        bytes = 2
        continue
      }
      const word = typeof argument === 'string' ? argument : String(argument)
      const length = Buffer.byteLength(word)
      const size = `$${length}\r\n`
      text += `${size}${word}\r\n`
      bytes += size.length + length + 2
    }
  }
  socket.write(text, bytes === text.length ? 'latin1' : 'utf8')
  socket.uncork()
}
