/** Hands tasks over to a worker: in one message where it takes that, and asking whether it takes them where it says so. */
import type { Task } from '@lovage/core'
import type { Socket } from 'socket.io'
import { type BatchItem, batchAnswers, batches } from '../wire/batch.ts'
import { eventNames } from '../wire/names.ts'
import type { Feature } from '../wire/registration.ts'
import type { TaskFrame } from '../wire/task.ts'

/** A task and what of it goes to the worker. */
export interface Offer {
  readonly task: Task
  readonly frame: TaskFrame
}

/** @param onAnswer is called for each offer that is acknowledged, with what the worker said; never for a worker without `ack` */
export function handOver(
  socket: Pick<Socket, 'emit'>,
  features: readonly Feature[],
  offers: readonly Offer[],
  onAnswer: (task: Task, answer: unknown) => void,
): void {
  const asks = features.includes('ack')
  const cut = asks && features.includes('batch') ? batches(offers, mostBytes) : offers.map((offer) => [offer])
  for (const batch of cut) {
    const [{ task, frame } = {}] = batch
    if (batch.length > 1) sendBatch(socket, batch, onAnswer)
    else if (!asks) socket.emit(eventNames.task, frame)
    else if (task !== undefined) socket.emit(eventNames.task, frame, (answer: unknown) => onAnswer(task, answer))
  }
}

function sendBatch(socket: Pick<Socket, 'emit'>, batch: readonly Offer[], onAnswer: (task: Task, answer: unknown) => void): void {
  const items = batch.map(({ frame }): BatchItem => [eventNames.task, frame])
  socket.emit(eventNames.batch, items, (said: unknown) => {
    const answers = batchAnswers(said)
    for (const [index, { task }] of batch.entries()) onAnswer(task, answers[index])
  })
}

/** What stands around the properties. */
const around = 1500

/** A character takes at most 3 bytes in UTF-8. */
function mostBytes({ task, frame }: Offer): number {
  const characters = task.extras?.kwargs === undefined ? task.input.length : JSON.stringify(frame.properties).length
  return around + 3 * characters
}
