/** Waiting for a task, with its progress on the screen. */
import type { Client } from '@lovage/client'
import { ConfigError, formatDuration, LovageError, TaskError, type TaskResult, type WorkerEvent } from '@lovage/core'
import type { Invocation } from './invocation.ts'
import { eventProgress } from './render/json-value.ts'
import { StatusLine } from './status-line.ts'

export interface WaitFlags {
  readonly wait?: boolean
  /** Milliseconds. */
  readonly timeout?: number
}

/** @throws {ConfigError} OPTION_INVALID for a limit on a wait that nobody asked for */
export function checkTimeout(flags: WaitFlags): void {
  if (flags.timeout !== undefined && !flags.wait) {
    throw new ConfigError('OPTION_INVALID', 'expected --wait beside --timeout, got: --timeout alone; add --wait')
  }
}

/**
 * Waits for a task; how far it is shows on stderr: redrawn on a terminal, a line per change elsewhere.
 * @throws {TaskError} WAIT_TIMEOUT, TASK_UNKNOWN
 */
export async function awaitResult(invocation: Invocation<WaitFlags>, broker: Client, id: string): Promise<TaskResult> {
  const { terminal, settings, options } = invocation
  const screen = settings.json ? undefined : new StatusLine(terminal.err)
  const release = screen === undefined ? undefined : await progressOf(broker, id, screen)
  try {
    return await broker.results.wait(id, { timeoutMs: options.timeout })
  } catch (error) {
    if (!LovageError.is(error, 'WAIT_TIMEOUT')) throw error
    const limit = formatDuration(options.timeout ?? 0)
    const [now] = await broker.results.get([id])
    const instead = broker.admin === undefined ? 'what workers run: `lovage inspect active`' : `\`lovage show ${id}\``
    throw new TaskError(
      'WAIT_TIMEOUT',
      `expected task ${id} to be resolved within ${limit}, got: it is ${now?.state ?? 'unknown'}; wait longer, or see ${instead}`,
      {
        cause: error,
        subject: id,
      },
    )
  } finally {
    screen?.clear()
    await release?.()
  }
}

/** Shows how far it is, where the broker lets us see. */
async function progressOf(broker: Client, id: string, screen: StatusLine): Promise<(() => Promise<void>) | undefined> {
  try {
    return await broker.events.capture(['task-*'], (event) => follow(screen, event, id))
  } catch (error) {
    if (LovageError.is(error, 'UNSUPPORTED')) return undefined
    throw error
  }
}

function follow(screen: StatusLine, event: WorkerEvent, id: string): void {
  if (event.id !== id) return
  if (event.type === 'task-started') screen.show(`${id} running on ${event.worker}`, 'fleeting')
  if (event.type === 'task-retried') screen.show(`${id} failed and is tried again`)
  if (event.type === 'task-progress') screen.show(`${id} ${eventProgress(event)}`)
}
