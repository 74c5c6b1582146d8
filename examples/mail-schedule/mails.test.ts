/** Ten days of mails on a clock that the test moves: nothing here waits. The clock begins on Friday, 2027-01-01, 00:00 UTC. */
import { drain, manualClock, type TestBroker, testBroker } from '@lovage/testing'
import { LovageError } from 'lovage'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { defineMails, type Mail, scheduleDigest, signOff, signUp } from './mails.ts'

let broker: TestBroker
let sent: (Mail & { at: string })[]
/** How often the mail service fails from now on. */
let outages: number

const mails = defineMails(async (mail) => {
  if (outages-- > 0) throw new Error('the mail service is down')
  sent.push({ ...mail, at: new Date(broker.clock.now()).toISOString() })
})
const tasks = Object.values(mails)
const subjects = () => sent.map(({ to, subject, at }) => `${at.slice(0, 16)} ${subject} ${to}`)

beforeEach(async () => {
  broker = await testBroker()
  sent = []
  outages = 0
})
afterEach(() => broker.close())

/** Moves the clock on in steps and runs what is due after each. */
async function pass(steps: number, step: string): Promise<void> {
  for (let i = 0; i < steps; i++) {
    await broker.clock.advance(step)
    await drain(broker, tasks)
  }
}

it('welcomes once in 30 days, and follows up once, 7 days later', async () => {
  const first = await signUp(broker, mails, 'ada@example.org')
  const again = await signUp(broker, mails, 'ada@example.org')
  await drain(broker, tasks)
  const later = await signUp(broker, mails, 'ada@example.org')
  expect([first.status, again.status, later.status]).toEqual(['sent', 'existing', 'existing'])
  expect(new Set([first.id, again.id, later.id]).size).toBe(1)

  await pass(13, '12h')
  expect(subjects()).toEqual(['2027-01-01T00:00 Welcome ada@example.org'])
  await pass(1, '12h')
  expect(subjects().slice(1)).toEqual(['2027-01-08T00:00 How is it going? ada@example.org'])

  await pass(1, '24 days')
  expect((await signUp(broker, mails, 'ada@example.org')).status).toBe('sent')
})

it('retries while the mail service is down, and does not follow up twice', async () => {
  outages = 2
  await signUp(broker, mails, 'ada@example.org')
  await drain(broker, tasks)
  await pass(3, '1m')
  expect(subjects()).toEqual(['2027-01-01T00:03 Welcome ada@example.org'])
  await broker.retry([sent[0]?.id ?? ''])
  await drain(broker, tasks)
  expect(new Set(sent.map(({ id }) => id)).size, 'one id, so one mail for the mail service').toBe(1)
  expect((await broker.find({ name: mails.followUp.name })).tasks).toHaveLength(1)
})

it('takes the follow-up back when someone signs off', async () => {
  await signUp(broker, mails, 'ada@example.org')
  await drain(broker, tasks)
  expect(await signOff(broker, mails, 'ada@example.org')).toBe(true)
  expect(await signOff(broker, mails, 'ada@example.org')).toBe(false)
  await pass(1, '8 days')
  expect(subjects()).toHaveLength(1)
})

it('sends the digest on weekdays at eight in Berlin, each mail once', async () => {
  await scheduleDigest(broker, mails, ['ada@example.org', 'bob@example.org'])
  await pass(6 * 24, '1h')
  const days = ['2027-01-01', '2027-01-04', '2027-01-05', '2027-01-06']
  const everyone = ['ada@example.org', 'bob@example.org']
  expect(subjects()).toEqual(days.flatMap((day) => everyone.map((to) => `${day}T07:00 What happened yesterday ${to}`)))

  const [firing] = (await broker.find({ name: mails.digest.name, limit: 1 })).tasks
  await broker.retry([firing?.id ?? ''])
  await drain(broker, tasks)
  expect(sent, 'running a digest again finds its mails sent').toHaveLength(8)
})

it('keeps the hour in Berlin when summer time begins, on 2027-03-28', async () => {
  await broker.close()
  broker = await testBroker({ clock: manualClock(Date.UTC(2027, 2, 26)) })
  await scheduleDigest(broker, mails, ['ada@example.org'])
  await pass(4 * 24, '1h')
  expect(sent.map(({ at }) => at.slice(0, 16))).toEqual(['2027-03-26T07:00', '2027-03-29T06:00'])
})

it('refuses what is no address before anything is sent', async () => {
  const refusal = await signUp(broker, mails, 'ada').catch((error: unknown) => error)
  expect(LovageError.is(refusal, 'INPUT_INVALID')).toBe(true)
  expect((await broker.find({})).tasks).toEqual([])
})
