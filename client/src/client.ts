/** The client: a broker with the verbs of those who send, watch and steer. */
import { type Broker, type Clock, checkId, checkOptionNames, type OptionNames } from '@lovage/core'
import { type Administration, administration, type Steering, steering } from './administer.ts'
import { createNewId } from './new-id.ts'
import type { SenderContext } from './sender.ts'
import { type Sending, sending, sendingWithin } from './sending.ts'
import { SentTask, type TaskHandle } from './task-handle.ts'

/** A broker that can be spoken to. It is one itself, so that a worker takes it as it is. */
export interface Client extends Broker, Sending, Administration, Steering {
  /** A handle for a task that was sent before, here or elsewhere. Asks nobody. @throws {ConfigError} NAME_INVALID */
  task<Output = unknown>(id: string): TaskHandle<Output>
  /**
   * Sends in a transaction of the caller's on the database of the queue: the tasks are there when it commits, together with all
   * else that was written in it, and gone without a trace when it does not. Await each send before the transaction goes on; ask
   * for results after the commit. Nothing is repeated here: a conflict between transactions (class 40 of PostgreSQL's errors) is
   * thrown as it is. A refusal such as KEY_CONFLICT leaves the transaction usable.
   * @param transaction a client of `pg` on which one was begun
   * @throws {ConfigError} UNSUPPORTED by brokers that have no such transactions; TRANSACTION_UNUSABLE from what is sent
   * @example
   * await client.query('begin')
   * await client.query('insert into orders (id) values ($1)', [id])
   * await broker.within(client).send(ship, { order: id })
   * await client.query('commit')
   */
  within(transaction: object): Sending
}

/** What `createClient` takes beside the broker. */
export interface ClientOptions {
  /** Default: the system's. */
  readonly clock?: Pick<Clock, 'now'> | undefined
  /** Makes task ids. Default: UUIDv7. */
  readonly newId?: (() => string) | undefined
}

const optionNames: OptionNames<ClientOptions> = { clock: true, newId: true }

/** Makes a client of a broker. Closing the client closes the broker. */
export function createClient(broker: Broker, options: ClientOptions = {}): Client {
  checkOptionNames(options, optionNames, 'createClient')
  const clock = options.clock ?? Date
  const context: SenderContext = { broker, clock, newId: options.newId ?? createNewId(clock) }
  const client = {
    ...sending(context),
    ...administration(broker),
    ...steering(broker),
    name: broker.name,
    tasks: broker.tasks,
    control: broker.control,
    events: broker.events,
    results: broker.results,
    admin: broker.admin,
    desk: broker.desk,
    asksBeforeTaking: broker.asksBeforeTaking,
    workerDefaults: broker.workerDefaults,
    close: () => broker.close(),
    task: (id: string) => new SentTask(broker, checkId(id), 'existing'),
    within: (transaction: object) => sendingWithin(context, transaction),
  }
  return client as Client
}
