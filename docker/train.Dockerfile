# Training on NVIDIA GPUs, with the native ops.
#
#   docker build --file docker/train.Dockerfile --tag gansformer-tf:train .
#   docker run --rm --gpus all --volume datasets:/workspace/datasets --volume results:/workspace/results \
#     gansformer-tf:train run_network.py --train --gansformer-default --expname scenes --dataset scenes

FROM nvidia/cuda:12.6.3-devel-ubuntu24.04 AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends build-essential python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /source
COPY setup.py pyproject.toml README.md LICENSE ./
COPY custom_ops custom_ops
COPY gansformer_tf gansformer_tf
RUN pip install --no-cache-dir '.[cuda,ops]'
# Compute capabilities of the GPUs that will be used, without the dot: 75 (T4), 80 (A100), 86 (RTX 30), 90 (H100).
ARG CUDA_ARCH=80,90
RUN package="$(python -I -c 'import gansformer_tf; print(gansformer_tf.__path__[0])')" \
 && python custom_ops/build.py --cuda on --cuda-arch "$CUDA_ARCH" --output "$package/ops/_lib"

# The CUDA libraries that TensorFlow uses are Python packages; this image adds what fits the driver to the container.
FROM nvidia/cuda:12.6.3-base-ubuntu24.04
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1
RUN useradd --uid 10001 --create-home gansformer \
 && install --directory --owner gansformer --group gansformer \
    /workspace /workspace/datasets /workspace/results /workspace/images /workspace/exported
WORKDIR /workspace
COPY prepare_data.py run_network.py generate.py ./
USER gansformer
VOLUME ["/workspace/datasets", "/workspace/results", "/workspace/images", "/workspace/exported"]
# A training that is stopped saves a checkpoint first; give it time: docker stop --time 120
EXPOSE 6006
ENTRYPOINT ["python"]
CMD ["run_network.py", "-h"]
