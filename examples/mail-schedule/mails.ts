/** The mails of a small service: a welcome, a follow-up a week later, and a digest that a schedule sends. */
import { type Client, defineTask, type TaskHandle } from 'lovage'
import * as z from 'zod'

export interface Mail {
  /** The same for every attempt at one mail: what a mail service calls an idempotency key. */
  readonly id: string
  readonly to: string
  readonly subject: string
}

/** Hands a mail over. Given the same id twice it must send one mail. */
export type Deliver = (mail: Mail) => Promise<void>

const recipient = z.object({ to: z.email() })
/** Anything that fails here may be the network's fault: for about an hour. */
const retry = { limit: 6, backoff: 'exponential', delay: '1m' } as const

/** Makes the definitions for one way to deliver. */
export function defineMails(deliver: Deliver) {
  const followUp = defineTask({
    name: 'mail.follow-up',
    input: recipient,
    retry,
    key: ({ to }) => to,
    run: ({ to }, { id }) => deliver({ id, to, subject: 'How is it going?' }),
  })

  const welcome = defineTask({
    name: 'mail.welcome',
    input: recipient,
    retry,
    key: ({ to }) => to,
    async run({ to }, context) {
      await deliver({ id: context.id, to, subject: 'Welcome' })
      // Its key keeps a second run of this handler from sending it twice.
      await context.send(followUp, { to }, { delay: '7 days' })
    },
  })

  const digest = defineTask({
    name: 'mail.digest',
    input: z.object({ to: z.array(z.email()) }),
    async run({ to }, context) {
      // One task for each mail, so that one bad address holds up nobody; its id is the same in every run of this handler.
      for (const address of to) await context.send(one, { to: address }, { id: `${context.id}:${address}` })
    },
  })

  const one = defineTask({
    name: 'mail.digest.one',
    input: recipient,
    retry,
    run: ({ to }, { id }) => deliver({ id, to, subject: 'What happened yesterday' }),
  })

  return { welcome, followUp, digest, one }
}

export type Mails = ReturnType<typeof defineMails>

/** Asks for a welcome; whoever signs up again within 30 days is not welcomed again. */
export function signUp(client: Client, { welcome }: Mails, to: string): Promise<TaskHandle<void>> {
  return client.send(welcome, { to }, { keyFor: '30 days' })
}

/** Takes the follow-up back, if it still waits. */
export async function signOff(client: Client, { followUp }: Mails, to: string): Promise<boolean> {
  const { tasks } = await client.find({ name: followUp.name, key: to, states: ['scheduled', 'pending'] })
  const cancelled = await client.cancel(
    tasks.map(({ id }) => id),
    `${to} has signed off`,
  )
  return cancelled.includes(true)
}

/** The digest, at eight in the morning in Berlin from Monday to Friday, summer and winter. */
export async function scheduleDigest(client: Client, { digest }: Mails, to: string[]): Promise<number | undefined> {
  const { nextAt } = await client.schedules.add({
    name: 'morning-digest',
    cron: '0 8 * * 1-5',
    zone: 'Europe/Berlin',
    task: digest,
    input: { to },
    missed: 'skip',
  })
  return nextAt
}
