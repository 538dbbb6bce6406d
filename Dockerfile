# One image for every service: the command says which one runs (compose.yaml has them all).
ARG NODE_IMAGE=node:26-trixie-slim

# Compiles. Install scripts fetch a Node and a buf for people's machines: the image has its Node, and gen/ is committed;
# so it is the build itself that runs here, not `npm run build`, which asks for both first.
FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY tools tools
COPY gen gen
COPY src src
# Where compose.yaml's `tls` profile has certificates made: a volume takes its permissions from here, and its user is no root.
RUN node tools/build.ts && mkdir -m 777 certs

# What runs beside dist/: in a stage of its own, so that a change of the sources leaves its layer as it is.
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# bson and mongodb are optional to the library's users, but not to the services here. As plain peers they come in the versions
# of package-lock.json; `npm install bson mongodb` would take the newest.
RUN --mount=type=cache,target=/root/.npm npm pkg delete devDependencies peerDependenciesMeta.bson peerDependenciesMeta.mongodb && \
  npm ci --omit=dev --ignore-scripts

FROM ${NODE_IMAGE}
WORKDIR /app
ENV NODE_ENV=production
COPY --from=dependencies /app/node_modules node_modules
COPY package.json ./
COPY gen gen
COPY --from=build /app/dist dist
# The base image's user `node`, by number: Kubernetes' runAsNonRoot cannot tell who a name is.
USER 1000:1000
# 8081 is greeter's; another service gets its PORT beside its command. `localhost` reaches IPv4 and IPv6 listeners alike.
# Over TLS the process is asked whether it lives, not who it is: its certificate need not hold for `localhost`.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --start-interval=1s --retries=3 \
  CMD ["node", "-e", "const { PORT, TLS_CERT_FILE } = process.env; (TLS_CERT_FILE ? https : http).get({ host: 'localhost', port: PORT || 8081, path: '/healthz', rejectUnauthorized: false }, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
# Node is process 1 and gets SIGTERM itself.
CMD ["node", "dist/services/greeter/main.js"]
