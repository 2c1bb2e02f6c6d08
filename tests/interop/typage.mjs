// Seals and opens with typage, by one JSON request on stdin and one JSON answer on stdout.
import { armor, Decrypter, Encrypter } from "age-encryption";
import * as age from "age-encryption";
import { readFileSync } from "node:fs";

const request = JSON.parse(readFileSync(0, "utf8"));

async function seal({ recipients = [], passphrase, workFactor, plaintext, armored }) {
  const encrypter = new Encrypter();
  if (passphrase !== undefined) {
    encrypter.setPassphrase(passphrase);
    encrypter.setScryptWorkFactor(workFactor);
  }
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  const file = await encrypter.encrypt(Buffer.from(plaintext, "base64"));
  return { file: Buffer.from(armored ? armor.encode(file) : file).toString("base64") };
}

async function open({ identities = [], passphrase, file, armored }) {
  const decrypter = new Decrypter();
  if (passphrase !== undefined) decrypter.addPassphrase(passphrase);
  for (const identity of identities) decrypter.addIdentity(identity);
  const bytes = Buffer.from(file, "base64");
  const plaintext = await decrypter.decrypt(armored ? armor.decode(bytes.toString()) : bytes);
  return { plaintext: Buffer.from(plaintext).toString("base64") };
}

async function generate({ kind }) {
  const make = kind === "hybrid" ? age.generateHybridIdentity : age.generateX25519Identity;
  const identity = await make();
  return { identity, recipient: await age.identityToRecipient(identity) };
}

const answer = await { seal, open, generate }[request.do](request);
process.stdout.write(JSON.stringify(answer));
