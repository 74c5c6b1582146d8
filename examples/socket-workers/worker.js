/** A worker in plain JavaScript, on socket.io-client and nothing of Lovage's. `worker.js [URL]`, with a token in LOVAGE_TOKEN */
import { createHash, randomUUID } from 'node:crypto'
import { io } from 'socket.io-client'

const [host = 'http://127.0.0.1:4600'] = process.argv.slice(2)
const instance = randomUUID()
/** By the id of a task: its lease, and what became of it, until the server has acknowledged that. */
const runs = new Map()
const socket = io(host, { transports: ['websocket'], auth: { token: process.env.LOVAGE_TOKEN } })

function work({ text }) {
  return createHash('sha256').update(text).digest('hex')
}

/** Nothing is said while the server is away: socket.io would keep it, and say it before the registration. */
function say(event, frame, answered) {
  if (socket.connected) socket.emit(event, frame, answered)
}

function forget(run) {
  clearInterval(run?.beat)
  if (runs.get(run?.id) === run) runs.delete(run?.id)
}

function report(run) {
  if (run.event !== undefined) say(run.event, run.frame, () => forget(run))
}

socket.on('connect', () => {
  const resume = [...runs.values()].map(({ id, lease }) => ({ id, lease }))
  const options = { protocol: 1, instance, capacity: 2, resume, features: ['ack', 'lease', 'cancel'] }
  socket.emit('worker.connect', 'digest', options, (answer) => {
    console.log(answer.ok ? 'registered' : `refused: ${answer.message}`)
    if (!answer.ok) socket.disconnect()
    for (const id of answer.lost ?? []) forget(runs.get(id))
    for (const run of runs.values()) report(run)
  })
})
socket.on('connect_error', ({ message }) => console.error(`cannot connect: ${message}`))
socket.on('worker.error', (message) => console.error(message))
socket.on('worker.cancel', ({ id }) => forget(runs.get(id)))
socket.on('worker.task', ({ id, properties, lease }, answer) => {
  answer({ accepted: true })
  const run = { id, lease: lease.id }
  runs.set(id, run)
  const alive = () => say('worker.task.heartbeat', { id, lease: lease.id }, ({ ok }) => ok || forget(run))
  run.beat = setInterval(alive, lease.heartbeatMs)
  const ended = (event, frame) => {
    // One that was cancelled or lost meanwhile is nobody's business.
    if (runs.get(id) === run) report(Object.assign(run, { event, frame: { id, lease: lease.id, ...frame } }))
  }
  Promise.resolve(properties)
    .then(work)
    .then((results) => ended('worker.task.done', { success: true, results }))
    .catch((error) => ended('worker.task.fail', { success: false, results: error.message }))
})
process.once('SIGINT', () => {
  socket.disconnect()
  for (const run of [...runs.values()]) forget(run)
})
