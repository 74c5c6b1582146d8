/** Puts together what one worker's consumer stands on. */
import type { ConsumeOptions, ConsumerListener, Delivery, WorkerEvent } from '@lovage/core'
import type { Member } from '../member.ts'
import { BuiltInTasks } from './built-in-tasks.ts'
import { CeleryConsumer } from './celery-consumer.ts'
import { ChordKeeper } from './chord-keeper.ts'
import { Errbacks } from './errbacks.ts'
import { ResultStore } from './result-store.ts'
import type { RevokedStamps } from './revoked-stamps.ts'
import { Settler } from './settler.ts'
import type { TaskSender } from './task-sender.ts'

export interface ConsumerSurroundings {
  readonly member: Member
  readonly sender: TaskSender
  readonly stamps: RevokedStamps
  readonly tell: (event: WorkerEvent) => void
}

/** @throws {ConfigError} OPTION_INVALID; and what keeps the queues from being declared or consumed */
export function openConsumer(
  { member, sender, stamps, tell }: ConsumerSurroundings,
  options: ConsumeOptions,
  listener: ConsumerListener,
): Promise<CeleryConsumer> {
  const { worker } = options
  const report = (error: Error): void => listener.error(error)
  const store = new ResultStore(member, worker, report)
  const { newId, clock } = member
  const deliver = (delivery: Delivery): void => listener.deliver([delivery])
  const errbacks = new Errbacks({ sender, tasks: options.tasks, deliver, newId, now: () => clock.now(), report })
  const chords = new ChordKeeper(member, sender, errbacks)
  const tellFailed = (id: string, exception: string): void => {
    if (!member.settings.worker_send_task_events) return
    tell({ type: 'task-failed', at: member.clock.now(), worker, pid: process.pid, id, exception })
  }
  const settler = new Settler({ member, sender, store, chords, errbacks, worker, report, tellFailed })
  const builtIn = new BuiltInTasks({ member, sender, settler, chords, report })
  return CeleryConsumer.open({ member, settler, builtIn, stamps }, options, listener)
}
