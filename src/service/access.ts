import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Access, AccessTarget } from "../call/access.ts";
import { fullName, type MethodSelector } from "../call/method-selector.ts";
import type { PeerIdentity } from "../call/peer.ts";
import { isWorkloadId } from "../tls/spiffe.ts";

/**
 * Who calls, by a certificate that was verified: a SPIFFE id, or all ids below one by `spiffe://example.org/batch/*`; one of
 * its DNS names, as in `dns:greeter.example.org`; its subject, as in `subject:CN=greeter,O=Example`; `verified`, whoever has
 * one; or `anyone`, also without.
 */
export type Caller = `spiffe://${string}` | `dns:${string}` | `subject:${string}` | "verified" | "anyone";

/** Lets callers call. */
export interface AccessRule {
  /** Services and methods, as generated, or `"http"`: the web application and upgrades. */
  readonly to: MethodSelector | "http" | readonly (MethodSelector | "http")[];
  readonly from: Caller | readonly Caller[];
}

export interface AccessOptions {
  /** Undefined: nobody is refused for who they are. */
  readonly rules: readonly AccessRule[] | undefined;
  /** The services that rules may be about. */
  readonly services: readonly DescService[];
  /** Clients are asked for certificates. */
  readonly asksForCertificates: boolean;
}

/** What a target asks of who calls it: one of the tests, and a certificate in any case. */
interface Judgement {
  readonly tests: readonly Test[];
  readonly needsCertificate: boolean;
}

type Test = (identity: PeerIdentity | undefined) => boolean;

/** The web application beside services and methods, whose names have no space. */
const WEB = "the web application";
const REFLECTION = /^grpc\.reflection\./;
const BUILTIN = /^grpc\.(?:health|reflection)\./;

/**
 * What rules come to. Once there are any, whoever is not let in is refused. Health and reflection are for whoever may call
 * anything; reflection, where clients are asked for certificates, for none without one, rules or not.
 *
 * @throws Error where a rule is about nobody, or about what is not served
 */
export function createAccess({ rules, services, asksForCertificates }: AccessOptions): Access {
  const tests = new Map<string, Test[]>();
  const all: Test[] = [];
  const served = new Set([WEB, ...services.flatMap((service) => [service, ...service.methods].map(fullName))]);
  for (const { to, from } of rules ?? []) {
    const own = [from].flat().map(testOf);
    for (const target of [to].flat()) {
      const name = target === "http" ? WEB : fullName(target);
      if (!served.has(name)) {
        throw new Error(`access: ${name} is nothing that this service serves`);
      }
      tests.set(name, [...(tests.get(name) ?? []), ...own]);
      all.push(...own);
    }
  }

  function judge(target: AccessTarget): Judgement {
    if (target === "http") {
      return { tests: tests.get(WEB) ?? [], needsCertificate: false };
    }
    const { typeName } = target.parent;
    return {
      tests: BUILTIN.test(typeName) ? all : [...(tests.get(typeName) ?? []), ...(tests.get(fullName(target)) ?? [])],
      needsCertificate: asksForCertificates && REFLECTION.test(typeName),
    };
  }

  const web = judge("http");
  /** Put together once: a call has no time for it. */
  const known = new WeakMap<DescMethod, Judgement>();
  const judgementOf = (target: AccessTarget): Judgement => {
    if (target === "http") {
      return web;
    }
    let judgement = known.get(target);
    if (judgement === undefined) {
      judgement = judge(target);
      known.set(target, judgement);
    }
    return judgement;
  };

  return ({ identity }, target) => {
    const { tests, needsCertificate } = judgementOf(target);
    const isLetIn = rules === undefined || tests.some((test) => test(identity));
    return isLetIn && !(needsCertificate && identity === undefined) ? undefined : refusal(identity, target);
  };
}

function refusal(identity: PeerIdentity | undefined, target: AccessTarget): ConnectError {
  const what = target === "http" ? "use this" : `call ${fullName(target)}`;
  return identity === undefined
    ? new ConnectError(`a client certificate is needed to ${what}`, Code.Unauthenticated)
    : new ConnectError(`${identity.name} may not ${what}`, Code.PermissionDenied);
}

function testOf(caller: Caller): Test {
  if (caller === "anyone") {
    return () => true;
  }
  if (caller === "verified") {
    return (identity) => identity !== undefined;
  }
  const [kind = ""] = /^(?:spiffe:\/\/|dns:|subject:)(?=.)/.exec(caller) ?? [];
  const name = caller.slice(kind.length);
  switch (kind) {
    case "spiffe://": {
      const prefix = caller.endsWith("/*") ? caller.slice(0, -1) : undefined;
      if (!isWorkloadId(prefix === undefined ? caller : `${prefix}x`)) {
        throw new Error(
          `access: ${JSON.stringify(caller)} is no workload's SPIFFE id, nor one above such with /* behind it`,
        );
      }
      return prefix === undefined
        ? (identity) => identity?.spiffeId === caller
        : (identity) => identity?.spiffeId?.startsWith(prefix) === true;
    }
    case "dns:":
      return (identity) => identity?.dnsNames.includes(name.toLowerCase()) === true;
    case "subject:":
      return (identity) => identity?.subject === name;
    default:
      throw new Error(
        `access: ${JSON.stringify(caller)} is no caller; use spiffe://…, dns:…, subject:…, "verified" or "anyone"`,
      );
  }
}
