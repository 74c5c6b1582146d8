/**
 * Workers over socket.io: `node bench/socketio-workers.ts sdk|echo|idle|bare URL COUNT CAPACITY`. Their results are when a task began, on the
 * clock that all processes of a machine share.
 */
import { once } from 'node:events'
import { argv, hrtime } from 'node:process'
import workers from '@lovage/broker-socketio/workers'
import { io, type Socket } from 'socket.io-client'

const [kind, url = '', count, capacity] = argv.slice(2)
const start = { sdk: startSdk, echo: startEcho, idle: startIdle, bare: startBare }[kind ?? ''] ?? startSdk
await Promise.all(Array.from({ length: Number(count) }, (_, index) => start(`w${index}`)))
process.send?.('ready')

const began = (): string => hrtime.bigint().toString()

function startSdk(id: string): Promise<void> {
  return new Promise((onConnect) => {
    workers.Item({
      id,
      host: url,
      queues: ['bench'],
      capacity: Number(capacity),
      onConnect: () => onConnect(),
      onTask: () => began(),
    })
  })
}

async function startEcho(): Promise<void> {
  const socket = await connected()
  socket.on('worker.task', ({ id, lease }, answer) => answer({ id, lease: lease.id, success: true, results: began() }))
}

async function startIdle(id: string): Promise<void> {
  const socket = await connected()
  const options = { protocol: 1, instance: id, capacity: 1, queues: ['bench'], features: ['ack', 'lease', 'cancel', 'progress'] }
  await socket.emitWithAck('worker.connect', id, options)
}

async function startBare(): Promise<void> {
  await connected()
}

async function connected(): Promise<Socket> {
  const socket = io(url, { transports: ['websocket'], forceNew: true })
  await once(socket as never, 'connect')
  return socket
}
