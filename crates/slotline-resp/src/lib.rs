//! RESP2 and RESP3: bytes to replies, commands to bytes, and the static facts about each command
#![forbid(unsafe_code)]
