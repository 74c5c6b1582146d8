/** The frames of a tick in one write: the library writes each by itself, and without Nagle's delay each is a packet that the broker reads by itself. */
import type { Socket } from 'node:net'
import type { ChannelModel } from 'amqplib'

/** Parts of the library's connection. */
interface Parts {
  readonly stream?: Pick<Socket, 'cork' | 'uncork'>
  readonly muxer?: { _readIncoming?: () => void }
}

/** With a library that has no such parts frames go out one by one. */
export function writeOnceATick(model: Pick<ChannelModel, 'connection'>): void {
  const { muxer, stream } = model.connection as unknown as Parts
  const writeAll = muxer?._readIncoming
  if (muxer === undefined || stream === undefined || writeAll === undefined) return
  muxer._readIncoming = () => {
    stream.cork()
    try {
      writeAll.call(muxer)
    } finally {
      stream.uncork()
    }
  }
}
