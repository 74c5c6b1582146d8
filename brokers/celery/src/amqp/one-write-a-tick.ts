/** Frames of one tick in one write: the library hands each to the socket by itself, and with TCP_NODELAY each becomes a packet. */
import type { Socket } from 'node:net'
import type { ChannelModel } from 'amqplib'

/** Parts of the library's connection. */
export interface ConnectionParts {
  readonly blocked?: boolean
  readonly stream?: Socket
  readonly muxer?: { _readIncoming?: () => void }
}

export function partsOf(model: ChannelModel): ConnectionParts {
  return model.connection as unknown as ConnectionParts
}

/** Without those parts frames go out as ever, only slower. */
export function writeOncePerTick(model: ChannelModel): void {
  const { muxer, stream } = partsOf(model)
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
