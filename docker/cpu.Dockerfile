# Everything without a GPU: preparing data, drawing pictures, metrics, export, small trainings, TensorBoard.
#
#   docker build --file docker/cpu.Dockerfile --tag gansformer-tf:cpu .
#   docker run --rm --volume datasets:/workspace/datasets gansformer-tf:cpu prepare_data.py --scenes

FROM python:3.12.8-slim-bookworm
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1
WORKDIR /source
COPY setup.py pyproject.toml README.md LICENSE ./
COPY custom_ops custom_ops
COPY gansformer_tf gansformer_tf
RUN pip install --no-cache-dir '.[serving,onnx]'
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
