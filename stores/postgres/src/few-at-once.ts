/** Calls that may have to wait for somebody else for long: so few at once that connections are left for the others. */

/** Makes a queue that lets so many calls go at once; they begin in order. */
export function fewAtOnce(limit: number): <Result>(call: () => Promise<Result>) => Promise<Result> {
  const waiting: (() => void)[] = []
  let going = 0
  return async (call) => {
    if (going >= limit) await new Promise<void>((resolve) => waiting.push(resolve))
    else going++
    try {
      return await call()
    } finally {
      // Its place goes to the next, if there is one.
      const next = waiting.shift()
      if (next === undefined) going--
      else next()
    }
  }
}
