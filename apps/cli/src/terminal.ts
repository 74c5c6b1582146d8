/** The terminal: the one place where the command line touches the process that it runs in. */
import type { Readable } from 'node:stream'
import { ConfigError } from '@lovage/core'
import { harmless } from './harmless.ts'

/** Where text goes. */
export interface Screen {
  write(text: string): void
  /** A person is watching: lines may be redrawn. */
  readonly live: boolean
  readonly colours: boolean
  /** Undefined where lines may be of any length (a pipe, a file). */
  readonly columns: number | undefined
}

export interface Terminal {
  readonly out: Screen
  readonly err: Screen
  readonly cwd: string
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Everything on stdin, for `-`. */
  readInput(): Promise<string>
  /** Calls back on each Ctrl-C or SIGTERM, which then no longer end the process. The answer ends the listening. */
  onInterrupt(listener: () => void): () => void
}

/** A stream as far as a screen needs it. */
interface TextStream {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

/** Makes the terminal of the running process. */
export function processTerminal(): Terminal {
  const plain = (process.env.NO_COLOR ?? '') !== ''
  return {
    out: screen(process.stdout, plain),
    err: screen(process.stderr, plain),
    cwd: process.cwd(),
    environment: process.env,
    readInput: () => textOf(process.stdin),
    onInterrupt(listener) {
      process.on('SIGINT', listener)
      process.on('SIGTERM', listener)
      return () => {
        process.off('SIGINT', listener)
        process.off('SIGTERM', listener)
      }
    },
  }
}

function screen(stream: TextStream, plain: boolean): Screen {
  const live = stream.isTTY === true
  return {
    write: (text) => void stream.write(text),
    live,
    colours: live && !plain,
    get columns() {
      return live ? stream.columns : undefined
    },
  }
}

async function textOf(stream: Readable & { isTTY?: boolean }): Promise<string> {
  if (stream.isTTY === true) {
    throw new ConfigError(
      'OPTION_INVALID',
      'expected JSON on stdin for "-", got: a terminal; pipe it in, as in `cat input.json | lovage send ...`',
    )
  }
  let text = ''
  for await (const chunk of stream.setEncoding('utf8')) text += chunk
  return text
}

/** Writes a line, whoever wrote what stands in it. */
export function print(screen: Screen, line = ''): void {
  screen.write(`${harmless(line)}\n`)
}

/** Writes one JSON document, or one line of a stream of them. */
export function printJson(terminal: Terminal, value: unknown, stream?: 'line'): void {
  print(terminal.out, JSON.stringify(value, undefined, stream === 'line' ? undefined : 2))
}
