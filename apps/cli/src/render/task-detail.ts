/** One task in full, for a person. */
import {
  awaitedTasks,
  type Bind,
  type Explanation,
  isResolved,
  type LogLine,
  priorityName,
  type RunRecord,
  type Task,
  type TaskExtras,
} from '@lovage/core'
import { failureLine, failureLines } from './failure-text.ts'
import { jsonText, storedProgress } from './json-value.ts'
import { clockTime, moment, timeOfDay, wholeDuration } from './moment.ts'
import { type Paint, paintState } from './paint.ts'
import { facts, indent } from './table.ts'

export interface TaskDetail {
  readonly task: Task
  readonly logs: readonly LogLine[]
  readonly explanation: Explanation
  /** Of the definition, as a live worker publishes it. */
  readonly retryLimit?: number | undefined
}

export interface DetailStyle {
  readonly paint: Paint
  readonly now: number
  /** Whether to show the frames of failures. */
  readonly stacks: boolean
}

/** Draws the detail, section by section; a section without content is left out. */
export function taskDetail(detail: TaskDetail, style: DetailStyle): string[] {
  const { task, logs, explanation } = detail
  const { paint } = style
  const sections: (readonly [title: string, lines: readonly string[]])[] = [
    ['Why', isResolved(task.state) && task.reason !== 'dependency-failed' ? [] : explanation.reasons],
    ['Runs', timeline(task, style)],
    ['Input', inputLines(task)],
    ['Result', task.result === undefined ? [] : jsonText(task.result).split('\n')],
    ['Failure', task.failure === undefined ? [] : failureLines(task.failure, style.stacks)],
    ['Log', logs.map((line) => logLine(line, paint))],
  ]
  return [
    `${paint('bold', task.name)} ${task.id}`,
    ...facts(head(detail, style), paint),
    ...sections.filter(([, lines]) => lines.length > 0).flatMap(([title, lines]) => ['', paint('bold', title), ...indent(lines)]),
  ]
}

function head({ task, retryLimit }: TaskDetail, { paint, now }: DetailStyle): [string, string | undefined][] {
  const when = (at: number | undefined) => (at === undefined ? undefined : moment(at, now))
  const { extras } = task
  return [
    ['state', `${paintState(paint, task.state)}${task.reason === undefined ? '' : ` (${task.reason})`}`],
    ['queue', task.queue],
    ['priority', priorityName(task.priority)],
    ['worker', task.worker],
    ['progress', task.progress === undefined ? undefined : storedProgress(task.progress)],
    ['sent', when(task.createdAt)],
    ['due', when(task.dueAt)],
    ['deadline', when(task.deadline)],
    ['lease until', when(task.takenUntil)],
    ['resolved', when(task.resolvedAt)],
    ['retries', retriesText(task, retryLimit)],
    ['lost', task.lost === 0 ? undefined : `${task.lost} of ${task.lostLimit}`],
    ['key', task.key],
    ['key until', when(task.keyUntil)],
    ['waits for', awaited(extras)],
    ['time limit', extras?.timeoutMs === undefined ? undefined : wholeDuration(extras.timeoutMs)],
    ['parent', extras?.parent],
    ['flow', extras?.flow],
  ]
}

/** Nobody can tell the limit of a definition that no live worker publishes. */
function retriesText({ retries, retryLimit }: Task, published: number | undefined): string {
  const limit = retryLimit ?? published
  return limit === undefined ? String(retries) : `${retries} of ${limit}`
}

function awaited(extras: TaskExtras | undefined): string | undefined {
  const ids = awaitedTasks(extras)
  return extras?.dependencies?.map((sent, index) => (ids[index] === sent ? sent : `${ids[index]} in place of ${sent}`)).join('\n')
}

function boundText(bind: Bind): string {
  if (typeof bind === 'object') return `the results of its first ${bind.first} dependencies`
  return bind === 'one' ? 'the result of its dependency' : 'the results of its dependencies'
}

function inputLines(task: Task): string[] {
  const { args, kwargs, bind } = task.extras ?? {}
  if (bind !== undefined) return [boundText(bind)]
  const lines = task.input === 'null' ? [] : jsonText(task.input).split('\n')
  if (args !== undefined) lines.push(`args ${JSON.stringify(args)}`)
  if (kwargs !== undefined) lines.push(`kwargs ${JSON.stringify(kwargs)}`)
  return lines
}

/** Every run in order: number, start, length, worker and how it ended. */
function timeline(task: Task, style: DetailStyle): string[] {
  const lines = task.runs.map((run) => endedRun(run, style))
  if (task.run < 0 || task.runs.some((run) => run.run === task.run)) return lines
  if (task.startedAt === undefined) return lines
  const end = task.resolvedAt ?? style.now
  const word = task.state === 'running' ? style.paint('cyan', 'running') : paintState(style.paint, task.state)
  const line = runLine({ run: task.run, startedAt: task.startedAt, ms: end - task.startedAt, worker: task.worker ?? '', word })
  return [...lines, line]
}

function endedRun(run: RunRecord, { paint, stacks }: DetailStyle): string {
  const colour = run.outcome === 'completed' ? 'green' : run.outcome === 'released' ? 'dim' : 'red'
  const line = runLine({ ...run, ms: run.endedAt - run.startedAt, word: paint(colour, run.outcome) })
  if (run.failure === undefined) return line
  const why = stacks ? failureLines(run.failure, true).join('\n       ') : failureLine(run.failure)
  return `${line}: ${why}`
}

function runLine(run: { run: number; startedAt: number; ms: number; worker: string; word: string }): string {
  const length = wholeDuration(Math.max(0, run.ms))
  return `run ${run.run}  ${clockTime(run.startedAt)}  ${length.padStart(6)}  ${run.worker}  ${run.word}`
}

function logLine(line: LogLine, paint: Paint): string {
  const level =
    line.level === 'error' ? paint('red', line.level) : line.level === 'warn' ? paint('yellow', line.level) : line.level
  return `run ${line.run}  ${paint('dim', timeOfDay(line.at))}  ${level}  ${line.text}`
}
