/** What a command prints, and its exit code, when a task is resolved. */

import { resultOf } from '@lovage/client'
import { type Broker, isResolved, type TaskResult } from '@lovage/core'
import { errorLine } from './error-line.ts'
import { type ExitCode, exitCodes } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { failureLines } from './render/failure-text.ts'
import { progressText } from './render/json-value.ts'
import { print, printJson } from './terminal.ts'

/**
 * Prints a completed task's result as JSON, the state of one that is not resolved, and the failure of any other on
 * stderr. With --json the whole of it is one document.
 */
export function reportResult(
  invocation: Pick<Invocation, 'terminal' | 'settings'>,
  task: TaskResult,
  { admin }: Pick<Broker, 'admin'>,
): ExitCode {
  const { terminal, settings } = invocation
  const failed = task.state === 'unknown' || task.state === 'failed' || task.state === 'exception'
  if (settings.json) printJson(terminal, task)
  else if (task.state === 'completed') print(terminal.out, JSON.stringify(task.result ?? null))
  else if (!failed) print(terminal.out, stateLine(task))
  if (!failed) return exitCodes.done
  print(terminal.err, admin === undefined ? foreignLine(task, settings.broker) : failedLine(task, settings.broker))
  if (settings.logLevel === 'debug' && task.failure !== undefined) {
    for (const line of failureLines(task.failure, true)) print(terminal.err, `  ${line}`)
  }
  return exitCodes.failed
}

function stateLine(task: TaskResult): string {
  return task.progress === undefined || isResolved(task.state as never)
    ? task.state
    : `${task.state} ${progressText(task.progress)}`
}

function failedLine(task: TaskResult, broker: string): string {
  if (task.state === 'unknown') {
    return `lovage: expected a task that ${broker} knows, got: ${task.id}; \`lovage tasks\` lists them, -b names another broker`
  }
  return `${outcomeLine(task)}; \`lovage show ${task.id}\` tells more`
}

/** Of a broker that keeps results, but no tasks. */
function foreignLine(task: TaskResult, broker: string): string {
  if (task.state !== 'unknown') return outcomeLine(task)
  return `lovage: expected the result of a task on ${broker}, got none of: ${task.id}; it may wait or run still, or its result has expired; --wait waits`
}

function outcomeLine(task: TaskResult): string {
  try {
    resultOf(task)
    return ''
  } catch (error) {
    return `${errorLine(error)}${task.failure?.code === undefined ? '' : ` (${task.failure.code})`}`
  }
}
