/** The commands that see and steer workers: status, inspect, control, events. */
import { controlMethods, inspectMethods } from '@lovage/core'
import { duration, nameList, text, wholeNumber } from '../option-values.ts'
import { type CommandSpec, example, type OptionSpec } from './command-spec.ts'
import { timeoutOption } from './running.ts'

const whom: readonly OptionSpec[] = [
  { flags: '-d, --destination <a,b>', meaning: 'only these workers (default: all)', read: nameList('--destination') },
  {
    flags: '--pattern <glob>',
    meaning: "only workers whose name matches, as in 'images-*@*'",
    read: text('--pattern'),
    conflicts: ['destination'],
  },
  timeoutOption,
]

export const status: CommandSpec = {
  name: 'status',
  summary: 'Show workers and queues.',
  options: [timeoutOption],
  examples: [
    example('lovage status', 'who works, and what waits'),
    example("lovage status --json | jq '.workers | length'", 'how many workers'),
  ],
  load: async () => (await import('../commands/status.ts')).status,
}

export const inspect: CommandSpec = {
  name: 'inspect',
  summary: 'Ask workers what they know and do.',
  notes: `Methods: ${inspectMethods.join(', ')}. Exit 69 when nobody answers.`,
  args: [
    { name: '<method>', meaning: 'what to ask' },
    { name: '[args...]', meaning: 'key=value pairs or one JSON object; ids for query_task' },
  ],
  options: whom,
  examples: [
    example('lovage inspect ping', 'who is there'),
    example('lovage inspect active -d images@host1', 'what one worker runs'),
    example('lovage inspect query_task 0198c0de-0000-7000-8000-000000000001', 'who has this task'),
    example("lovage inspect stats --json | jq '.replies[].value.uptime'", 'for a program'),
  ],
  load: async () => (await import('../commands/inspect.ts')).inspect,
}

export const control: CommandSpec = {
  name: 'control',
  summary: 'Tell workers what to do.',
  notes: `Methods: ${controlMethods.join(', ')}, and those that users added to their workers. Arguments are the method's own words in order, key=value pairs, or one JSON object. Exit 69 when nobody answers.`,
  args: [
    { name: '<method>', meaning: 'what to do' },
    { name: '[args...]', meaning: 'its arguments' },
  ],
  options: [...whom, { flags: '--terminate', meaning: 'with revoke: abort it if it runs' }],
  examples: [
    example('lovage control pool_grow 2', 'two more handlers at once, on every worker'),
    example('lovage control rate_limit images.resize 10/m -d images@host1', 'at most ten a minute, on one'),
    example('lovage control time_limit images.resize 30s 10s', 'hard limit, then soft limit'),
    example('lovage control revoke 0198c0de-0000-7000-8000-000000000001 --terminate', 'abort a task'),
    example('lovage control pause -d images@host1', 'it takes nothing more until `control resume`'),
  ],
  load: async () => (await import('../commands/control.ts')).control,
}

export const events: CommandSpec = {
  name: 'events',
  summary: 'Show what happens, as it happens.',
  notes: 'Workers send task events for as long as someone captures them. Ctrl-C ends it with exit 0.',
  options: [
    { flags: '--types <globs>', meaning: "only these, as in 'task-*'", read: nameList('--types') },
    { flags: '--for <duration>', meaning: 'stop after this long', read: duration('--for') },
    { flags: '--limit <n>', meaning: 'stop after so many', read: wholeNumber('--limit', 1) },
  ],
  examples: [
    example('lovage events', 'everything, until Ctrl-C'),
    example("lovage events --types 'task-failed,task-retried' --json", 'JSON Lines of what goes wrong'),
    example("lovage events --types 'worker-*' --for 10s", 'ten seconds of heartbeats'),
  ],
  load: async () => (await import('../commands/events.ts')).events,
}
