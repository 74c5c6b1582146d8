/** Tasks that keep a processor busy. Threads and processes load this file for themselves. */
import { setTimeout } from 'node:timers/promises'
import { defineTask } from 'lovage'

/** Counts the primes below a number, in ten parts, and tells how far it is after each. */
export const countPrimes = defineTask({
  name: 'primes.count',
  run({ below }: { below: number }, context): number {
    let found = 0
    for (let part = 1; part <= 10; part++) {
      found += primesBetween(Math.floor((below * (part - 1)) / 10), Math.floor((below * part) / 10))
      context.progress(part / 10, { found })
    }
    context.log.info(`${found} primes below ${below}`)
    return found
  },
})

/** Never ends, never listens to its signal. Its time limit does the rest. */
export const hang = defineTask({
  name: 'hang',
  timeout: '300ms',
  retry: { limit: 0 },
  run(_: undefined, context): never {
    context.log.warn('this will never end')
    for (;;) Math.sqrt(2)
  },
})

/** Looks for a number that is not there, until someone stops it. */
export const search = defineTask({
  name: 'search',
  async run(_: undefined, context): Promise<never> {
    for (let tried = 0; ; tried += 10_000) {
      context.progress(tried)
      await setTimeout(50, undefined, { signal: context.signal })
    }
  },
})

/** Asks a service that wants to be asked seldom. */
export const ask = defineTask({
  name: 'ask',
  rateLimit: '1/m',
  run: ({ question }: { question: number }) => `answer ${question}`,
})

function primesBetween(from: number, to: number): number {
  let found = 0
  for (let n = Math.max(2, from); n < to; n++) if (isPrime(n)) found++
  return found
}

function isPrime(n: number): boolean {
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false
  return true
}
