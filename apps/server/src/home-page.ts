/** The page at `/`: what runs here, and where its endpoints are. No scripts, nothing from elsewhere. */

/** One endpoint for the list. */
export interface Endpoint {
  readonly method: string
  readonly path: string
  readonly summary: string
}

const style = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 3rem auto; padding: 0 1rem; color: #1d2a1f; background: #fbfcf8 }
h1 { font-size: 1.4rem } td { padding: .15rem .8rem .15rem 0; vertical-align: top } code { font-size: .9em } a { color: #2c6e3f }
@media (prefers-color-scheme: dark) { body { color: #dfe8df; background: #141a15 } a { color: #86c79a } }`

/** Writes the page. */
export function homePage(broker: string, endpoints: readonly Endpoint[]): string {
  const rows = endpoints.map(({ method, path, summary }) => {
    const address = escaped(path)
    const shown =
      method === 'GET' && !path.includes('{') ? `<a href="${address}"><code>${address}</code></a>` : `<code>${address}</code>`
    return `<tr><td><code>${method}</code></td><td>${shown}</td><td>${escaped(summary)}</td></tr>`
  })
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Lovage</title><style>${style}</style></head>
<body>
<h1>Lovage</h1>
<p>This server speaks for the broker <code>${escaped(broker)}</code>. Its interface is described in <a href="/openapi.json">openapi.json</a>.</p>
<table>
${rows.join('\n')}
</table>
</body>
</html>
`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
