/** Runs the tasks that every Celery worker has (celery.md 13), beside the worker: they wait for no place and are acknowledged late. */
import { ConfigError, type Delivery, failureFrom, LovageError, type Outcome } from '@lovage/core'
import { type BuiltinRun, builtinNames, runBuiltin } from '../canvas/builtin-tasks.ts'
import { unlockVerdict } from '../canvas/unlock.ts'
import type { Member } from '../member.ts'
import { celeryExceptions } from '../wire/python-exception.ts'
import type { ResultRecord } from '../wire/result-record.ts'
import { CallDelivery } from './call-delivery.ts'
import type { CeleryDelivery } from './celery-delivery.ts'
import type { ChordKeeper } from './chord-keeper.ts'
import type { Settler } from './settler.ts'
import type { TaskSender } from './task-sender.ts'

export interface BuiltInParts {
  readonly member: Member
  readonly sender: TaskSender
  readonly settler: Settler
  readonly chords: ChordKeeper
  /** Hears once of what this worker cannot do. */
  readonly report: (error: Error) => void
}

/** What the consumer lends. */
export interface BuiltInHost {
  knows(task: string): boolean
  deliver(delivery: Delivery): void
}

const names: ReadonlySet<string> = new Set(builtinNames)

export class BuiltInTasks {
  readonly #parts: BuiltInParts
  #hasToldOfUnlock = false

  constructor(parts: BuiltInParts) {
    this.#parts = parts
  }

  has(task: string): boolean {
    return names.has(task)
  }

  /** Resolves when the task is settled. Called again when it could not be, it settles the outcome that the task had. */
  async run(delivery: CeleryDelivery, host: BuiltInHost): Promise<void> {
    await delivery.settle(await delivery.steps.once('run', () => this.#run(delivery, host)))
  }

  async #run(delivery: CeleryDelivery, host: BuiltInHost): Promise<Outcome> {
    const { expiresMs } = delivery.request
    if (expiresMs !== undefined && expiresMs <= this.#parts.member.clock.now()) {
      return { type: 'rejected', reason: 'deadline-exceeded' }
    }
    try {
      const begin = () => runBuiltin(delivery.request, this.#parts.settler.canvasSender(delivery))
      const run = await delivery.steps.once('begin', begin)
      return run === undefined ? { type: 'released' } : await this.#outcomeOf(run, delivery, host)
    } catch (error) {
      if (LovageError.is(error) && error.retryable) throw error
      return { type: 'failed', failure: failureFrom(error) }
    }
  }

  async #outcomeOf(run: BuiltinRun, delivery: CeleryDelivery, host: BuiltInHost): Promise<Outcome> {
    switch (run.type) {
      case 'value':
        await this.#parts.sender.carryOut(run.orders)
        delivery.children.push(...run.children)
        return { type: 'completed', result: run.value }
      case 'calls':
        return this.#call(run, delivery, host)
      case 'unlock':
        return this.#unlock(run.unlock, delivery)
      case 'cleanup':
        // What has a life of its own needs no cleaning.
        return { type: 'completed', result: null }
    }
  }

  /** One after the other, as in Celery. What ends one of them otherwise than with a value ends all. */
  async #call(
    { task, calls }: BuiltinRun & { readonly type: 'calls' },
    delivery: CeleryDelivery,
    host: BuiltInHost,
  ): Promise<Outcome> {
    if (!host.knows(task)) {
      const { exc_type: name } = celeryExceptions.notRegistered(task)
      return { type: 'failed', failure: { name, message: task } }
    }
    const values: unknown[] = []
    for (const args of calls) {
      const message = { ...delivery.message, name: task, args, kwargs: {}, input: undefined, at: undefined }
      const outcome = await new Promise<Outcome>((resolve) => {
        host.deliver(new CallDelivery(message, delivery.redelivered, resolve))
      })
      if (outcome.type !== 'completed') return outcome
      values.push(outcome.result ?? null)
    }
    return { type: 'completed', result: values }
  }

  async #unlock(unlock: (BuiltinRun & { readonly type: 'unlock' })['unlock'], delivery: CeleryDelivery): Promise<Outcome> {
    const { member, settler, chords } = this.#parts
    const canvas = settler.canvasSender(delivery)
    const records = await this.#recordsOf(unlock.ids)
    const verdict = unlockVerdict(unlock, records, chords.isNewStyle, canvas)
    if (verdict.type === 'wait') {
      const usualMs = member.settings.result_chord_retry_interval * 1000
      return { type: 'retried', delayMs: unlock.intervalMs ?? usualMs, limit: Number.POSITIVE_INFINITY }
    }
    delivery.children.push(...((await chords.conclude(verdict, unlock.body, delivery, canvas)) ?? []))
    return { type: 'completed', result: null }
  }

  /** Where nobody keeps results the task goes round, as in Celery, until a worker takes it that knows of some. */
  async #recordsOf(ids: readonly string[]): Promise<readonly (ResultRecord | undefined)[]> {
    const { member, report } = this.#parts
    if (member.results !== undefined && member.results.kind !== 'rpc') return member.results.get(ids)
    if (!this.#hasToldOfUnlock) {
      const message = 'expected a result backend that keeps results, for celery.chord_unlock to look at, got none'
      report(new ConfigError('UNSUPPORTED', `${message}; it is sent round until a worker takes it that has one`))
    }
    this.#hasToldOfUnlock = true
    return []
  }
}
