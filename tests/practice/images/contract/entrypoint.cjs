#!/opt/node/bin/node
// Under the name of an image's own entrypoint: what the stand-in starts with, with the same arguments.
import('/opt/contract/main.mjs')
