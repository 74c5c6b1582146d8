/** The commands for tasks: send, result, show, tasks, cancel, retry. */
import {
  duration,
  isoTime,
  jsonArray,
  jsonObject,
  nameList,
  oneOf,
  priority,
  type ReadValue,
  states,
  text,
  wholeNumber,
} from '../option-values.ts'
import { type CommandSpec, example, type OptionSpec } from './command-spec.ts'

const id = '0198c0de-0000-7000-8000-000000000001'

const waitOptions: readonly OptionSpec[] = [
  { flags: '--wait', meaning: 'wait until the task is resolved' },
  { flags: '--timeout <duration>', meaning: 'wait no longer than this (with --wait)', read: duration('--timeout') },
]

/** A duration from now or an ISO time; told apart by its looks. */
const deadline: ReadValue<number | Date> = (value) =>
  /^\d{4}-/.test(value) ? new Date(isoTime('--deadline')(value)) : duration('--deadline')(value)

/** For tasks of other languages. */
export const argumentOptions: readonly OptionSpec[] = [
  {
    flags: '--args <json>',
    meaning: 'positional arguments as a JSON array, for tasks of other languages',
    read: jsonArray('--args'),
  },
  { flags: '--kwargs <json>', meaning: 'named arguments as a JSON object, beside --args', read: jsonObject('--kwargs') },
]

const sendOptions: readonly OptionSpec[] = [
  ...argumentOptions,
  { flags: '--in <duration>', meaning: 'not before this much time has passed', read: duration('--in'), conflicts: ['at'] },
  { flags: '--at <time>', meaning: 'not before this ISO time', read: isoTime('--at') },
  {
    flags: '-Q, --queue <name>',
    meaning: "the queue (default: the definition's, as --tasks or a live worker tells it, else `default`)",
    read: text('--queue'),
  },
  {
    flags: '--priority <name>',
    meaning: 'highest, very-high, high, medium, low, very-low or lowest (default: like that of --queue, else medium)',
    read: priority,
  },
  {
    flags: '--key <key>',
    meaning: "at most one unresolved task of this name with this key (default: the definition's, with --tasks alone)",
    read: text('--key'),
  },
  {
    flags: '--key-policy <policy>',
    meaning: 'when the key is taken: existing (answer that task), reject or replace',
    read: oneOf('--key-policy', ['existing', 'reject', 'replace']),
  },
  { flags: '--key-for <duration>', meaning: 'the key stays taken this long, resolved or not', read: duration('--key-for') },
  { flags: '--deadline <when>', meaning: 'pointless after this: a duration from now or an ISO time', read: deadline },
  { flags: '--id <id>', meaning: 'your own id: sending it again is harmless', read: text('--id') },
  {
    flags: '--retries <n>',
    meaning: "retries after the first run, over the definition's",
    read: wholeNumber('--retries', 0, 1000),
  },
  { flags: '--time-limit <duration>', meaning: "the time limit of a run, over the definition's", read: duration('--time-limit') },
  { flags: '--after <id...>', meaning: 'tasks that must complete first' },
  {
    flags: '--tasks <file>',
    meaning: 'a module with the definition: its schema, queue, priority, key and limits are used',
    read: nameList('--tasks'),
  },
]

export const send: CommandSpec = {
  name: 'send',
  summary: 'Send a task; prints its id, or with --wait its result.',
  notes:
    'Without --tasks it goes by what a live worker that knows NAME publishes: schema, queue, priority and limit of lost workers. A key that the definition makes from the input needs --tasks; without it the task has none, and a line on stderr says so.',
  args: [
    { name: '<name>', meaning: "the task definition's name" },
    { name: '[input]', meaning: 'the input as JSON; "-" reads stdin' },
  ],
  options: [...sendOptions, ...waitOptions],
  examples: [
    example(`lovage send images.resize '{"url":"https://example.org/a.png","width":320}'`, 'prints the id once the task is safe'),
    example(
      `lovage send images.resize '{"url":"https://example.org/a.png","width":320}' --wait --timeout 1m`,
      'prints the result; exit 1 if the task fails',
    ),
    example(`lovage send report.monthly --in '7 days' --key may --priority low`, 'in a week, at most once'),
    example(`lovage send report.join --after ${id}`, 'when another task has completed'),
    example('jq -c . input.json | lovage send images.resize -', 'the input from stdin'),
  ],
  load: async () => (await import('../commands/send.ts')).send,
}

export const result: CommandSpec = {
  name: 'result',
  summary: "Print a task's result, or its state while it has none.",
  notes: 'Exit 0 when completed or not resolved yet, 1 when it failed or nobody knows it.',
  args: [{ name: '<id>', meaning: "the task's id" }],
  options: waitOptions,
  examples: [
    example(`lovage result ${id}`, 'the result as JSON, or for example `running`'),
    example(`lovage result ${id} --wait --timeout 30s`, 'waits for it'),
  ],
  load: async () => (await import('../commands/result.ts')).result,
}

export const show: CommandSpec = {
  name: 'show',
  summary: 'Show everything about a task: runs, input, result, failure, logs, and why it is where it is.',
  args: [{ name: '<id>', meaning: "the task's id" }],
  examples: [example(`lovage show ${id}`, 'for a person'), example(`lovage show ${id} --json | jq .task.runs`, 'for a program')],
  load: async () => (await import('../commands/show.ts')).show,
}

export const tasks: CommandSpec = {
  name: 'tasks',
  summary: 'List tasks, the newest first.',
  options: [
    {
      flags: '--state <states>',
      meaning: 'only these: blocked, scheduled, pending, running, completed, failed, exception',
      read: states,
    },
    { flags: '-Q, --queue <name>', meaning: 'only of this queue', read: text('--queue') },
    { flags: '--name <name>', meaning: 'only of this definition', read: text('--name') },
    { flags: '--key <key>', meaning: 'only with this key', read: text('--key') },
    { flags: '--limit <n>', meaning: 'at most so many', read: wholeNumber('--limit', 1, 1_000_000), initial: 20 },
    { flags: '--all', meaning: 'all of them' },
    { flags: '--oldest', meaning: 'the oldest first' },
  ],
  examples: [
    example('lovage tasks', 'the last twenty'),
    example('lovage tasks --state failed,exception -Q images', 'what went wrong in a queue'),
    example("lovage tasks --state pending --all --json | jq -r '.tasks[].id'", 'ids of all that wait'),
  ],
  load: async () => (await import('../commands/tasks.ts')).tasks,
}

export const cancel: CommandSpec = {
  name: 'cancel',
  summary: 'Ask that tasks do not run; one that runs is aborted wherever it runs.',
  notes: 'Exit 1 when it had no effect on any of them.',
  args: [{ name: '<ids...>', meaning: 'ids of tasks' }],
  options: [{ flags: '--reason <text>', meaning: 'kept with the task', read: text('--reason') }],
  examples: [
    example(`lovage cancel ${id}`, 'one task'),
    example(
      "lovage tasks --state pending --all --json | jq -r '.tasks[].id' | xargs lovage cancel --reason 'wrong input'",
      'all that wait',
    ),
  ],
  load: async () => (await import('../commands/cancel.ts')).cancel,
}

export const retry: CommandSpec = {
  name: 'retry',
  summary: 'Make resolved, scheduled or blocked tasks pending again, with fresh budgets.',
  notes: 'Exit 1 when it had no effect on any of them.',
  args: [{ name: '<ids...>', meaning: 'ids of tasks' }],
  examples: [
    example(`lovage retry ${id}`, 'one task'),
    example("lovage tasks --state failed --all --json | jq -r '.tasks[].id' | xargs lovage retry", 'all that failed'),
  ],
  load: async () => (await import('../commands/retry.ts')).retry,
}
