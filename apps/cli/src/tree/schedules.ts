/** The commands for schedules and queues. */
import { duration, oneOf, priority, text } from '../option-values.ts'
import { type CommandSpec, example } from './command-spec.ts'
import { argumentOptions } from './tasks.ts'

const scheduleName = { name: '<name>', meaning: "the schedule's name" } as const
const queueName = { name: '<queue>', meaning: "the queue's name" } as const

const add: CommandSpec = {
  name: 'add',
  summary: 'Add a schedule, or replace the one of that name.',
  args: [
    scheduleName,
    { name: '<when>', meaning: "a cron line (five fields, six with seconds, or '@daily') or an interval ('10m')" },
    { name: '<task>', meaning: "the task definition's name" },
    { name: '[input]', meaning: 'the input as JSON; "-" reads stdin' },
  ],
  options: [
    ...argumentOptions,
    { flags: '--zone <zone>', meaning: 'IANA zone of the cron line (default: UTC)', read: text('--zone') },
    {
      flags: '--missed <policy>',
      meaning: 'firings missed while nothing ran: skip, one or all (default: one)',
      read: oneOf('--missed', ['skip', 'one', 'all']),
    },
    {
      flags: '--deadline <duration>',
      meaning: 'each of its tasks is pointless after this, counted from when it is sent (default: never)',
      read: duration('--deadline'),
    },
    {
      flags: '-Q, --queue <name>',
      meaning: 'the queue of its tasks (default: what a live worker publishes now, else `default`)',
      read: text('--queue'),
    },
    {
      flags: '--priority <name>',
      meaning: 'the priority of its tasks (default: like that of --queue, else medium)',
      read: priority,
    },
  ],
  examples: [
    example("lovage schedule add nightly '0 3 * * *' report.daily --zone Europe/Lisbon", 'every night at three'),
    example(`lovage schedule add pulse 30s health.check '{"deep":false}' --missed skip`, 'twice a minute, misses are forgotten'),
    example('lovage schedule add prices 10s prices.fetch --deadline 15s', 'what nobody begins in time is dropped'),
    example(
      "lovage schedule add yearly @yearly reports.build --args '[2027]' -b sqlite:./beat.db",
      'for a Python worker: see `forward`',
    ),
  ],
  load: async () => (await import('../commands/schedule.ts')).scheduleAdd,
}

export const schedule: CommandSpec = {
  name: 'schedule',
  summary: 'Enqueue tasks by cron line or interval.',
  examples: [
    example("lovage schedule add nightly '0 3 * * *' report.daily", 'every night at three, UTC'),
    example('lovage schedule list', 'what fires next'),
    example('lovage schedule run nightly', 'now, beside its times'),
  ],
  commands: [
    add,
    {
      name: 'list',
      summary: 'List schedules and when they fire next.',
      examples: [
        example('lovage schedule list', 'times in the zone of each'),
        example('lovage schedule list --json', 'for a program'),
      ],
      load: async () => (await import('../commands/schedule.ts')).scheduleList,
    },
    {
      name: 'remove',
      summary: 'Remove a schedule; tasks that it sent stay.',
      args: [scheduleName],
      examples: [
        example('lovage schedule remove nightly', ''),
        example('lovage schedule remove nightly --json', 'for a program'),
      ],
      load: async () => (await import('../commands/schedule.ts')).scheduleRemove,
    },
    {
      name: 'pause',
      summary: 'Keep a schedule from firing.',
      args: [scheduleName],
      examples: [example('lovage schedule pause nightly', ''), example('lovage schedule resume nightly', 'ends the pause')],
      load: async () => (await import('../commands/schedule.ts')).schedulePause,
    },
    {
      name: 'resume',
      summary: 'Let a paused schedule fire again.',
      args: [scheduleName],
      examples: [example('lovage schedule resume nightly', ''), example('lovage schedule list', 'shows when it fires next')],
      load: async () => (await import('../commands/schedule.ts')).scheduleResume,
    },
    {
      name: 'run',
      summary: "Send a schedule's task now; prints its id.",
      args: [scheduleName],
      examples: [
        example('lovage schedule run nightly', 'prints the id'),
        example('lovage result "$(lovage schedule run nightly)" --wait', 'and waits for its result'),
      ],
      load: async () => (await import('../commands/schedule.ts')).scheduleRun,
    },
  ],
}

export const queue: CommandSpec = {
  name: 'queue',
  summary: 'See, pause and resume queues.',
  examples: [
    example('lovage queue list', 'all queues and their counts'),
    example('lovage queue pause images', 'nothing is taken from it'),
  ],
  commands: [
    {
      name: 'list',
      summary: 'List queues: how many tasks in which state, and how old the oldest pending one is.',
      examples: [
        example('lovage queue list', ''),
        example("lovage queue list --json | jq '.queues[] | select(.paused)'", 'the paused ones'),
      ],
      load: async () => (await import('../commands/queue.ts')).queueList,
    },
    {
      name: 'pause',
      summary: 'Let workers take nothing more from a queue; what runs goes on.',
      args: [queueName],
      examples: [example('lovage queue pause images', ''), example('lovage queue resume images', 'ends the pause')],
      load: async () => (await import('../commands/queue.ts')).queuePause,
    },
    {
      name: 'resume',
      summary: 'Let workers take from a paused queue again.',
      args: [queueName],
      examples: [example('lovage queue resume images', ''), example('lovage queue list', 'shows which are paused')],
      load: async () => (await import('../commands/queue.ts')).queueResume,
    },
  ],
}
