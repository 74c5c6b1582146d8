/** Canvases for clients: tasks put together before they are sent. */
export {
  type Arguments,
  type Callee,
  type Canvas,
  type CanvasOptions,
  canvasOf,
  chain,
  chord,
  chunks,
  group,
  map,
  type OutputOf,
  signature,
  starmap,
} from './canvas.ts'
export { type AppliedCanvas, CanvasClient, type CanvasClientParts } from './canvas-client.ts'
export { parseSignature, type Signature, type SignatureOptions } from './signature.ts'
