/** Answers of a broker that may never come. */
import { StoreError } from '@lovage/core'

/** @throws {StoreError} STORE_UNAVAILABLE after so many milliseconds; what was asked goes on nevertheless */
export async function inTime<Answer>(asked: Promise<Answer>, ms: number): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new StoreError('STORE_UNAVAILABLE', `expected an answer of RabbitMQ within ${ms} ms, got none`))
    }, ms)
  })
  try {
    return await Promise.race([asked, late])
  } finally {
    clearTimeout(timer)
  }
}
