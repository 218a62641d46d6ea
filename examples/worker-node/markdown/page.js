// The page around rendered Markdown: one file, no script, nothing loaded from elsewhere.

import { escapeHtml } from './escape.js';

const STYLE = `
  body { font: 16px/1.55 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430; }
  h1, h2 { border-bottom: 1px solid #d5dbe3; padding-bottom: .2em; }
  pre, code { font: .88em/1.45 ui-monospace, monospace; background: #f1f4f8; border-radius: 4px; }
  code { padding: .1em .3em; }
  pre { padding: .8em 1em; overflow-x: auto; }
  pre code { padding: 0; background: none; font-size: 1em; }
  table { border-collapse: collapse; margin: 1em 0; }
  th, td { border: 1px solid #d5dbe3; padding: .3em .7em; vertical-align: top; }
  th { background: #f1f4f8; }
  blockquote { margin: 1em 0; padding: 0 1em; border-left: 4px solid #c3ccd8; color: #4a5668; }
  img { max-width: 100%; }
`;

/** @param {string} title @param {string} body */
export const page = (title, body) => `<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src * data:; style-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
${body}</body>
</html>
`;
