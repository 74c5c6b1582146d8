/** The command that sends the tasks of a queue on to another broker. */
import { nameList, text, wholeNumber } from '../option-values.ts'
import { type CommandSpec, example } from './command-spec.ts'

export const forward: CommandSpec = {
  name: 'forward',
  summary: 'Send every task of a queue on to another broker, such as a Celery cluster: schedules, delays, an outbox.',
  notes:
    'Each is sent under its own id, and completed here when it is safe there: once, however many of these run, and again only where nobody can tell whether it is: after a crash, a connection that broke before the answer, or a stop that did not wait for it. While the other broker is away tasks wait; what it refuses has failed, with its reason. Where the other cannot be reached at the start this exits with 69, for a supervisor to start it again.',
  options: [
    {
      flags: '--to <url>',
      meaning: 'the other broker: amqp://user:password@host, redis://host/0, postgres://..., sqlite:FILE (it must be there)',
      read: text('--to'),
    },
    {
      flags: '--to-queue <name>',
      meaning: "the queue there, for all tasks (default: each task's own)",
      read: text('--to-queue'),
    },
    {
      flags: '-Q, --queues <a,b>',
      meaning: 'queues to take tasks from, whatever their names (default: `default`)',
      read: nameList('--queues'),
    },
    {
      flags: '-n, --name <name>',
      meaning: "the worker's name; @ and the host are added to a bare one, %h is the host (default: forward@%h)",
      read: text('--name'),
    },
    {
      flags: '-c, --concurrency <n>',
      meaning: 'tasks on their way at once (default: 200)',
      read: wholeNumber('--concurrency', 1, 10_000),
    },
  ],
  examples: [
    example('lovage forward --to amqp://localhost -b sqlite:./beat.db', 'what celery beat does, with schedules of that file'),
    example("lovage schedule add nightly '0 3 * * *' reports.build '{\"year\":2027}' -b sqlite:./beat.db", 'one of them'),
    example(
      'lovage forward --to redis://mq.example/0 -b postgres://app@db.example/app -Q outbox --to-queue celery',
      'tasks that were sent in transactions of the database',
    ),
    example(
      'lovage forward --to amqp://localhost --set task_default_queue_type=quorum',
      "Celery's settings are of the other broker",
    ),
  ],
  load: async () => (await import('../commands/forward.ts')).forward,
}
