/** amqplib as it is fastest: without Nagle's delay, and the frames of a tick in one write. */
import { type ChannelModel, connect } from 'amqplib'

interface Parts {
  readonly stream: { cork(): void; uncork(): void }
  readonly muxer: { _readIncoming(): void }
}

export async function rawConnection(url: string): Promise<ChannelModel> {
  const model = await connect(url, { noDelay: true })
  const { stream, muxer } = model.connection as unknown as Parts
  const write = muxer._readIncoming
  muxer._readIncoming = () => {
    stream.cork()
    write.call(muxer)
    stream.uncork()
  }
  return model
}
