/** Answers of a broker that may never come. */
import { StoreError } from '@lovage/core'

/** The answer did not come; it may yet. */
export class LateAnswer extends StoreError {
  constructor(ms: number) {
    super('STORE_UNAVAILABLE', `expected an answer of RabbitMQ within ${ms} ms, got none`)
  }
}

/** @throws {LateAnswer} STORE_UNAVAILABLE after so many milliseconds; what was asked goes on nevertheless */
export async function inTime<Answer>(asked: Promise<Answer>, ms: number): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new LateAnswer(ms)), ms)
  })
  try {
    return await Promise.race([asked, late])
  } finally {
    clearTimeout(timer)
  }
}
