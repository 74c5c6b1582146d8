/** Checkups of an open store: the kit's read-only cases, and whether processes can wake each other. */
import type { Link, Signal, Store } from '@lovage/core'
import { doctorCases } from '@lovage/store-conformance'
import { withoutPassword } from '../without-password.ts'
import { type Checkup, ok } from './checkup.ts'

/** One checkup per case of the conformance kit that only reads. */
export function caseCheckups(store: Store): readonly Checkup[] {
  return doctorCases.map(({ name, run }) => ({
    check: name.replace(/^doctor\//, ''),
    async look() {
      await run(store, Date.now())
      return ok()
    },
  }))
}

const echoTimeoutMs = 2000

/** Whether the broker beside the store answers. */
export function linkCheckup(link: Link, url: string): Checkup {
  return {
    check: 'broker',
    async look() {
      const broker = withoutPassword(url)
      if (link.isUp) return ok(`${broker} answers`)
      const detail = `expected RabbitMQ at ${broker}, got: no answer; the queue works on by the store's own ways, start the broker or leave --signal out`
      return { verdict: 'fail', detail }
    },
  }
}

/** Whether what is published arrives; where processes meet beside a file, this joins them there. */
export function signalCheckup(signal: Signal): Checkup {
  return {
    check: 'signal',
    async look() {
      const channel = `doctor-${process.pid}`
      const startedAt = performance.now()
      let heard = () => {}
      const echo = new Promise<boolean>((resolve) => {
        heard = () => resolve(true)
      })
      const release = await signal.subscribe(channel, () => heard())
      signal.publish(channel, 'ping')
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<boolean>((resolve) => {
        timer = setTimeout(resolve, echoTimeoutMs, false)
      })
      const arrived = await Promise.race([echo, late])
      clearTimeout(timer)
      release()
      if (!arrived)
        return { verdict: 'fail', detail: 'expected to hear what was published, got: silence; tasks are found, but late' }
      return ok(`heard in ${(performance.now() - startedAt).toFixed(1)} ms`)
    },
  }
}
