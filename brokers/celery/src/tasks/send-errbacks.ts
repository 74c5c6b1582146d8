/** Sends errbacks, each alone: one that can never be sent keeps neither the others nor the end of the task. */
import type { Order } from '../canvas/orders.ts'
import { isFinal } from './final-error.ts'
import type { TaskSender } from './task-sender.ts'

/** @param report hears of those that cannot be sent */
export async function sendErrbacks(
  sender: Pick<TaskSender, 'carryOut'>,
  orders: readonly Order[],
  report: (error: Error) => void,
): Promise<void> {
  for (const order of orders) {
    try {
      await sender.carryOut([order])
    } catch (error) {
      if (!isFinal(error)) throw error
      report(error)
    }
  }
}
